import { v7 as newId } from 'uuid';
import { commitOf } from '#shared/merge/ops.ts';
import { RunEvent } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { hashPassword } from '../../cloud/accounts/passwords.ts';
import { RUNTIME_HASH } from '../../tests/fixtures/control.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { type Caller, createCaller } from './connections.ts';
import type { ControlPlane } from './controlPlane.ts';
import { projectOf } from './trees.ts';

export type BenchProject = {
  id: string;
  workflowIds: string[];
  tree: Tree;
  revision: number;
  versionIds: string[];
  /** A commit of it is under way. */
  isBusy: boolean;
};

/** One workspace, and whoever works in it. */
export type Tenant = {
  person: QuickPerson;
  password: string;
  /** Of 127.0.0.0/8, as if each office had an address of its own: limits per address hold for each alone. */
  address: string;
  projects: BenchProject[];
  runIds: string[];
  /** Of another sign-in of the person than the one that asks. */
  refreshToken: string | undefined;
  isRenewing: boolean;
};

const PASSWORD = 'four random words';
const DEVICE = '0199f2c0-0000-7000-8000-0000000000be';
/** Steps of the workflows of each project. */
const PROJECTS: number[][] = [[20, 5], [60, 10], [200]];
const RUNS = 60;
const AT_ONCE = 4;

/**
 * Workspaces with three projects each, versions of them, runs with their journals, two more members, notifications and an
 * audit log. Projects and versions come in through the API, what a container would have made as rows.
 */
export async function makeTenants(plane: ControlPlane, count: number, say: (line: string) => void): Promise<Tenant[]> {
  const people = createPeople(plane);
  const tenants: Tenant[] = [];
  for (let n = 0; n < count; n++) {
    const person = await people.newPerson(`Person ${n}`, { plan: 'enterprise', email: `person${n}@example.com` });
    // 200 of each block of 250: neither a network's first address nor its last.
    const address = `127.0.${1 + Math.floor(n / 200)}.${1 + (n % 200)}`;
    tenants.push({
      ...{ person, password: PASSWORD, address, projects: [], runIds: [] },
      ...{ refreshToken: undefined, isRenewing: false },
    });
  }
  // Hashing is what a sign-in costs, not what a bench's preparation has to.
  await plane.database.ownerSql('update user_account set password_hash = $1', [await hashPassword(PASSWORD)]);
  // Renewing is one of the calls that are measured; those that ask for the others go on for as long as that takes.
  await plane.database.ownerSql(`update session set access_expires_at = now() + interval '1 day'`);
  const caller = createCaller(plane);
  let made = 0;
  const waiting = [...tenants.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [n, tenant] = next;
      for (const [place, sizes] of PROJECTS.entries())
        tenant.projects.push(await makeProject(caller, tenant, place, sizes));
      await makeRows(plane, tenant);
      for (const step of [1, 2]) {
        const other = tenants[(n + step) % count];
        if (other && other !== tenant) await people.join(tenant.person.workspaceId, other.person, 'editor');
      }
      if (++made % 25 === 0) say(`${made} of ${count} workspaces`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  caller.close();
  await plane.database.ownerSql('analyze');
  return tenants;
}

async function makeProject(caller: Caller, tenant: Tenant, place: number, sizes: number[]): Promise<BenchProject> {
  const ask = async <T>(method: string, to: string, body?: unknown) => {
    const answer = await caller.send(tenant, { method, path: to, body, isPublic: false });
    if (answer.status !== 200) throw new Error(`No project: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  };
  const id = newId();
  const path = `/v1/projects/${id}`;
  const name = ['Invoices', 'Support mail', 'Stock'][place] ?? 'More';
  const workflows = sizes.map((steps, i): [string, [string, number]] => [
    newId(),
    [['Collect', 'Remind'][i] ?? 'More', steps],
  ]);
  const tree = projectOf(id, name, Object.fromEntries(workflows));
  await ask('POST', '/v1/projects', { id, name });
  const head = await ask<{ tree: Tree }>('GET', `${path}/head`);
  const about = { commitId: newId(), deviceId: DEVICE, baseRevision: 0, origin: 'import' as const };
  await ask('POST', `${path}/commits`, { commit: commitOf(head.tree, tree, about) });
  const version = await ask<{ id: string }>('POST', `${path}/versions`, { expectedRevision: 1, note: 'First' });
  return {
    ...{ id, tree, revision: 1, versionIds: [version.id], isBusy: false },
    workflowIds: workflows.map(([workflowId]) => workflowId),
  };
}

/** What containers would have done, and what people would have been told. */
async function makeRows({ database }: ControlPlane, tenant: Tenant): Promise<void> {
  const { workspaceId, userId } = tenant.person;
  const [project] = tenant.projects;
  if (!project) throw new Error('A tenant has projects.');
  const [workflowId] = project.workflowIds;
  const [versionId] = project.versionIds;
  tenant.runIds = Array.from({ length: RUNS }, () => newId());
  await database.ownerSql(
    `insert into run (workspace_id, id, project_id, workflow_id, workflow_name, version_id, environment, trigger,
                      trigger_step_id, input, priority, status, finished_at)
     select $1, id, $3, $4, 'Collect', $5, 'production', 'manual', 's0', '{"items":[{"json":{"n":1}}]}', 5,
            (case when n % 9 = 0 then 'failed' else 'succeeded' end)::run_status, now()
       from unnest($2::uuid[]) with ordinality as given (id, n)`,
    [workspaceId, tenant.runIds, project.id, workflowId, versionId],
  );
  await database.ownerSql(
    `insert into run_event (workspace_id, run_id, seq, type, step_id, payload, fence, at)
     select $1, id, seq, event ->> 'type', event ->> 'stepId',
            (event || jsonb_build_object('runId', id, 'seq', seq))::json, 1, now()
       from unnest($2::uuid[]) as given (id), jsonb_array_elements($3::jsonb) with ordinality as told (event, seq)`,
    [workspaceId, tenant.runIds, JSON.stringify(journalOf(project.id, project))],
  );
  await database.ownerSql(
    `insert into notification (id, user_id, about_workspace_id, kind, title, message)
     select id, $2, $3, 'run_failed', 'A run failed', 'Collect failed at its third step.' from unnest($1::uuid[]) as given (id)`,
    [Array.from({ length: 25 }, () => newId()), userId, workspaceId],
  );
}

const ITEMS = { items: [{ json: { n: 1 } }] };

/** What a container told of a run of three steps. */
function journalOf(runId: string, project: BenchProject): RunEvent[] {
  const told = { runId, at: '2026-11-01T08:00:00.000Z', fence: 1 };
  const hash = '0'.repeat(64);
  const events = [
    {
      ...{ type: 'run.started', workflowId: project.workflowIds[0], versionId: project.versionIds[0], execHash: hash },
      ...{ runtimeHash: RUNTIME_HASH, environment: 'production', triggerStepId: 's0', input: ITEMS, seed: 'seed' },
    },
    ...['s1', 's2', 's3'].flatMap((stepId) => [
      { type: 'step.attempted', stepId, iteration: 0, attempt: 1, from: [] },
      { type: 'step.succeeded', stepId, iteration: 0, attempt: 1, outputs: { main: ITEMS } },
    ]),
    { type: 'run.ended', status: 'succeeded' },
  ];
  return events.map((event, i) => RunEvent.parse({ ...told, ...event, seq: i + 1 }));
}
