import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openProjectStore } from '#runtime/engine/ports/projectStore.ts';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import type { JsonObject } from '#shared/json.ts';
import { machineTable } from '#shared/workflow/machine.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { checkMachine } from '#shared/workflow/validateMachines.ts';
import { RUN_ID, runTree, type Sketch, sketchTree } from '../../../tests/fixtures/engine.ts';
import { catalog } from '../registry.ts';

const RESERVE = '0199f2c4-6a02-7c11-8b7e-00000000000a';
const RELEASE = '0199f2c4-6a02-7c11-8b7e-00000000000b';
const CHARGE = '0199f2c4-6a02-7c11-8b7e-00000000000c';
const REFUND = '0199f2c4-6a02-7c11-8b7e-00000000000d';

/** A workflow that writes down that it ran, and may fail. */
const noting = (name: string, more: Sketch['steps'] = {}, edges: string[] = []): Sketch => ({
  steps: {
    start: { uses: 'trigger.manual' },
    note: {
      uses: 'table.insert',
      config: {
        table: 'notes',
        key: `=$json.key + ' ${name} ' + $json.event + ' ' + ($json.undone?.event ?? '')`,
        row: { name },
      },
    },
    ...more,
  },
  edges: ['start -> note', ...edges],
});

const MACHINE: JsonObject = {
  initial: 'cart',
  data: { total: 0 },
  states: {
    cart: {
      on: {
        add: { target: 'cart', set: { total: '=$json.data.total + $json.payload.price' } },
        order: { target: 'reserved', when: '=$json.data.total > 0', action: RESERVE, undo: RELEASE },
      },
      after: { ms: 86_400_000, target: 'abandoned' },
    },
    reserved: {
      on: {
        pay: [
          {
            target: 'paid',
            when: '=$json.payload.amount >= $json.data.total',
            action: CHARGE,
            undo: REFUND,
            set: { paid: true },
          },
          { target: 'reserved', set: { short: true } },
        ],
        cancel: { target: 'cancelled', compensate: true },
      },
    },
    paid: { on: { cancel: { target: 'cancelled', compensate: true }, ship: { target: 'shipped' } } },
    shipped: { final: true },
    cancelled: { final: true },
    abandoned: { final: true },
    broken: { final: true },
  },
  onFailure: 'broken',
};

function project(charge: Sketch = noting('charge')): Tree {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      send: {
        uses: 'machine.send',
        config: { machine: 'order', key: '=$json.key', event: '=$json.event', payload: '=$json.payload ?? null' },
      },
      yes: { uses: 'flow.noOp' },
      no: { uses: 'flow.noOp' },
      hear: { uses: 'trigger.machine', config: { machine: 'order' } },
      late: {
        uses: 'machine.send',
        config: { machine: 'order', key: '=$json.key', event: '=$json.event', version: '=$json.version' },
      },
    },
    edges: ['start -> send', 'send -> yes', 'send.refused -> no', 'hear -> late'],
  };
  const tree = sketchTree(sketch, {
    workflows: {
      [RESERVE]: noting('reserve'),
      [RELEASE]: noting('release'),
      [CHARGE]: charge,
      [REFUND]: noting('refund'),
    },
  });
  return { ...tree, machines: { order: MACHINE } };
}

const NOBODY = { start: async () => ({ runId: RUN_ID }) };

function world(tree = project()) {
  const store = openProjectStore(':memory:');
  const clock = createVirtualClock(Date.parse('2026-11-20T07:00:00Z'));
  let runs = 0;
  const runId = () => RUN_ID.replace(/.$/, String(++runs % 10));
  return {
    store,
    clock,
    send: async (event: string, payload: JsonObject | null = null, key = 'a1') => {
      const run = await runTree(tree, {
        items: [{ key, event, payload }],
        store,
        clock,
        control: NOBODY,
        trigger: 'start',
        runId: runId(),
      });
      return { ...run, given: run.left('yes')[0] ?? run.left('no')[0] };
    },
    notes: () => store.tableQuery({ table: 'notes' }).map(({ key }) => String(key).trim()),
    instance: (key = 'a1') => store.tableQuery({ table: machineTable('order'), where: { key } })[0],
  };
}

test('an instance goes from state to state, with guards, data and history', async () => {
  const { send, notes, instance } = world();
  expect((await send('order')).given).toMatchObject({
    state: 'cart',
    version: 0,
    reason: expect.stringContaining('does not take order'),
  });
  expect(instance()).toBeUndefined();
  expect((await send('add', { price: 30 })).given).toMatchObject({
    state: 'cart',
    previous: 'cart',
    data: { total: 30 },
    version: 1,
  });
  expect((await send('order')).given).toMatchObject({ state: 'reserved', version: 2, final: false });
  expect((await send('pay', { amount: 10 })).given).toMatchObject({ state: 'reserved', data: { short: true } });
  expect((await send('pay', { amount: 30 })).given).toMatchObject({ state: 'paid', data: { total: 30, paid: true } });
  expect((await send('ship')).given).toMatchObject({ state: 'shipped', final: true });
  expect((await send('cancel')).given).toMatchObject({ state: 'shipped', reason: expect.stringContaining('shipped') });
  expect(notes()).toEqual(['a1 reserve order', 'a1 charge pay']);
  const history = instance()?.history as JsonObject[];
  expect(history.map(({ from, event, to }) => `${from} ${event} ${to}`)).toEqual([
    'cart add cart',
    'cart order reserved',
    'reserved pay reserved',
    'reserved pay paid',
    'paid ship shipped',
  ]);
});

test('what was done is taken back in reverse order', async () => {
  const { send, notes } = world();
  await send('add', { price: 5 });
  await send('order');
  await send('pay', { amount: 5 });
  expect((await send('cancel')).given).toMatchObject({ state: 'cancelled' });
  expect(notes()).toEqual(['a1 reserve order', 'a1 charge pay', 'a1 refund cancel pay', 'a1 release cancel order']);
});

test('an action that fails is followed by what takes the earlier ones back, and the instance says so', async () => {
  const fails = noting('charge', { stop: { uses: 'flow.stop', config: { message: 'The card was refused.' } } }, [
    'note -> stop',
  ]);
  const { send, notes, instance } = world(project(fails));
  await send('add', { price: 5 });
  await send('order');
  const { given, outcome } = await send('pay', { amount: 5 });
  expect(outcome.status).toBe('succeeded');
  expect(given).toMatchObject({ state: 'broken', previous: 'reserved', reason: 'The card was refused.' });
  expect(notes()).toEqual(['a1 reserve order', 'a1 charge pay', 'a1 release pay order']);
  expect(instance()).toMatchObject({ state: 'broken' });
});

test('an instance that somebody else moved meanwhile is looked at anew, never overwritten', async () => {
  const { store, instance, ...one } = world();
  await one.send('add', { price: 5 });
  const stale = store.tableUpdate.bind(store);
  let between = 0;
  store.tableUpdate = (table, where, set, options) => {
    if (table === machineTable('order') && between++ === 0) {
      stale(table, { key: 'a1' }, { version: 7, data: { total: 100 } }, { effectKey: 'somebody else' });
    }
    return stale(table, where, set, options);
  };
  const { given } = await one.send('add', { price: 1 });
  expect(given).toMatchObject({ version: 8, data: { total: 101 } });
  expect(instance()).toMatchObject({ version: 8, data: { total: 101 } });
});

test('a state that times out starts whoever hears of it, once, and an instance that moved on stays', async () => {
  const started: { triggerStepId: string; atMs?: number; items: { json: JsonObject }[] }[] = [];
  const tree = project();
  const store = openProjectStore(':memory:');
  const clock = createVirtualClock(Date.parse('2026-11-20T07:00:00Z'));
  const control = {
    async start(request: (typeof started)[number]) {
      started.push(request);
      return { runId: RUN_ID };
    },
  };
  const options = { store, clock, control };
  await runTree(tree, {
    ...options,
    items: [{ key: 'a1', event: 'add', payload: { price: 1 } }],
    trigger: 'start',
  });
  expect(started).toMatchObject([
    {
      triggerStepId: 'hear',
      atMs: clock.now() + 86_400_000,
      items: [{ json: { key: 'a1', state: 'cart', event: 'after', version: 1 } }],
    },
  ]);
  const json = started[0]?.items[0]?.json as JsonObject;
  const late = await runTree(tree, {
    ...options,
    items: [json],
    trigger: 'hear',
    runId: RUN_ID.replace(/.$/, '2'),
  });
  expect(late.ofType('step.succeeded').find(({ stepId }) => stepId === 'late')?.outputs.main).toMatchObject({
    items: [{ json: { state: 'abandoned' } }],
  });
  const again = await runTree(tree, {
    ...options,
    items: [json],
    trigger: 'hear',
    runId: RUN_ID.replace(/.$/, '3'),
  });
  expect(again.ofType('step.succeeded').find(({ stepId }) => stepId === 'late')?.outputs.refused).toMatchObject({
    items: [{ json: { state: 'abandoned' } }],
  });
});

test('machines are checked: states, workflows, guards, what nothing leads to', () => {
  const tree = project();
  expect(checkMachine(tree, 'order')).toEqual([]);
  const faults = (machine: JsonObject) =>
    checkMachine({ ...tree, machines: { order: machine } }, 'order').map(({ message }) => message);
  expect(faults({ initial: 'a', states: { a: { on: { go: { target: 'b' } } } } })).toEqual([
    'The machine order has no state b.',
  ]);
  expect(faults({ initial: 'a', states: { a: {}, lost: {} } })).toEqual(['Nothing leads to the state lost.']);
  expect(faults({ initial: 'a', states: { a: { on: { go: { target: 'a', when: '=$json.' } } } } })[0]).toContain(
    'a on go',
  );
  expect(faults({ initial: 'a', states: { a: { on: { go: { target: 'a', action: RUN_ID } } } } })[0]).toContain(
    'no workflow of this project',
  );
  expect(faults({ initial: 'a', states: { a: { final: true, on: { go: { target: 'a' } } } } })[0]).toContain('final');
  expect(faults({ initial: 'a', states: {}, more: 1 })[0]).toContain('not as expected');
  const unheard = {
    ...tree,
    workflows: {
      [RESERVE]: tree.workflows[RESERVE] as never,
      [RELEASE]: tree.workflows[RELEASE] as never,
      [CHARGE]: tree.workflows[CHARGE] as never,
      [REFUND]: tree.workflows[REFUND] as never,
    },
  };
  expect(checkMachine(unheard, 'order')).toMatchObject([{ severity: 'warning', code: 'machine.unheard' }]);
});

test('the machine of the documentation is read from its file, with workflows named by their file', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/machines.md'), 'utf8');
  const [, text = ''] = /```yaml\n(# machines\/order\.yaml\n[\s\S]*?)```/.exec(page) ?? [];
  const files: Record<string, string> = {
    'sluice.yaml': `id: ${project().project.id}\nname: Shop\nformat: 1\n`,
    'machines/order.yaml': text,
  };
  const names = ['reserve-stock', 'release-stock', 'charge-card', 'refund-card'];
  for (const name of names) files[`workflows/${name}.yaml`] = 'name: One\nsteps: { start: { uses: trigger.manual } }\n';
  const { tree, problems, sources } = readProject(files, catalog());
  expect(problems).toEqual([]);
  if (!tree) throw new Error('The project was not read.');
  const found = validateTree(tree, catalog(), sources).filter(({ file }) => file === 'machines/order.yaml');
  expect(found).toMatchObject([{ severity: 'warning', code: 'machine.unheard' }]);
  const broken = readProject(
    { ...files, 'machines/order.yaml': text.replace('target: paid', 'target: payed') },
    catalog(),
  );
  const [first] = validateTree(broken.tree as Tree, catalog(), broken.sources).filter(
    ({ severity }) => severity === 'error',
  );
  expect(first).toMatchObject({
    file: 'machines/order.yaml',
    line: 14,
    message: 'The machine order has no state payed.',
  });
});
