import pg from 'pg';
import type { Assignment } from '#shared/contract/agentApi.ts';
import { startCluster } from '../../tests/fixtures/cluster.ts';
import { createControlBench, eventsOf, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import { check, type Part, timed } from './part.ts';

const STEPS = 10;
const item = { items: [{ json: { n: 1 } }] };

/** What a runtime reports of a run of ten steps. */
const journalOf = (run: Assignment) =>
  eventsOf(
    run,
    { type: 'run.started' },
    ...Array.from({ length: STEPS }, (_, n) => [
      { type: 'step.attempted' as const, stepId: `set_${n}`, input: { main: item } },
      { type: 'step.succeeded' as const, stepId: `set_${n}`, outputs: { main: item } },
    ]).flat(),
    { type: 'run.ended' },
  );

export const postgres: Part = {
  title: `Durable run of ${STEPS} steps on Postgres, accepted, handed out and reported`,
  byHand: 'the same bytes in as many transactions by the bare driver',
  per: 'a run',
  async prepare(scratch, quick) {
    const { cluster, stop } = await startCluster(scratch, []);
    const control = await createControlBench({ cluster });
    const { actor, projectId, workspaceId } = await control.newTenant('business');
    await control.publish(actor, treeOf(projectId, { start: step('trigger.manual') }));
    const agent = await control.newAgent(workspaceId);
    const times = quick ? 2 : 50;
    const workflowId = workflowIdOf(projectId);
    const one = async () => {
      await control.runs.start({ projectId, environment: 'production', workflowId, items: item.items }, actor);
      const [run] = (await agent.next(1)).runs;
      check(run !== undefined, 'the run was handed out');
      const events = journalOf(run as Assignment);
      check((await agent.report(run as Assignment, events, true)).ack === events.length, 'every event was taken in');
      return events;
    };
    const journal = JSON.stringify(await one());
    const bare = new pg.Client({ ...cluster.owner });
    await bare.connect();
    await bare.query('create table bare_run (id serial primary key, input json, owner text)');
    await bare.query('create table bare_report (run int, events json)');
    const transaction = async <T>(work: () => Promise<T>): Promise<T> => {
      await bare.query('begin');
      const result = await work();
      await bare.query('commit');
      return result;
    };
    const byHand = async () => {
      const input = JSON.stringify(item.items);
      const id = await transaction(async () => {
        const { rows } = await bare.query('insert into bare_run (input) values ($1) returning id', [input]);
        return rows[0].id as number;
      });
      await transaction(() => bare.query('update bare_run set owner = $1 where id = $2 returning input', ['a', id]));
      await transaction(async () => {
        await bare.query('insert into bare_report (run, events) values ($1, $2)', [id, journal]);
        await bare.query('update bare_run set owner = null where id = $1', [id]);
      });
    };
    const repeat = async (work: () => Promise<unknown>) => {
      for (let n = 0; n < times; n++) await work();
    };
    return {
      ours: () => timed(() => repeat(one), times),
      byHand: () => timed(() => repeat(byHand), times),
      async close() {
        await bare.end();
        await control.close();
        await stop();
      },
    };
  },
};
