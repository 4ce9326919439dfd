import { expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import type { Case } from '#shared/workflow/tree.ts';
import { type Sketch, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';
import type { Sandbox } from './ports/sandbox.ts';
import { runCase } from './runCase.ts';

const sandbox: Sandbox = { run: () => Promise.reject(new Error('no scripts')), close: () => Promise.resolve() };

async function outcome(
  uses: Sketch['steps'][string],
  answers: JsonObject[] | undefined,
  expected: JsonObject[] | JsonObject,
) {
  const tree = sketchTree({ steps: { start: { uses: 'trigger.manual' }, it: uses }, edges: ['start -> it'] });
  const expect_: Case['expect'] = Array.isArray(expected)
    ? { status: 'succeeded', steps: { it: expected.map((json) => ({ json })) } }
    : { status: 'failed', error: expected };
  const saved: Case = {
    name: 'A case',
    workflow: WORKFLOW_ID,
    items: [{ json: { id: 7 } }],
    ...(answers ? { effects: { it: answers } } : {}),
    expect: expect_,
  };
  const { differences } = await runCase(tree, 'a', saved, { sandbox, vars: {} });
  return differences;
}

const QUERY = { uses: 'postgres.query', config: { sql: 'SELECT $1', params: ['=$json.id'] } };

test('databases answer what the case says, for one statement or several', async () => {
  expect(await outcome(QUERY, [{ rows: [{ a: 1 }, { a: 2 }] }], [{ a: 1 }, { a: 2 }])).toEqual([]);
  const update = { uses: 'sqlite.update', config: { table: 't', where: { id: '=$json.id' }, set: { x: 1 } } };
  expect(await outcome(update, [{ changed: 3 }], [{ id: 7, changed: 3 }])).toEqual([]);
  const two = { uses: 'postgres.transaction', config: { statements: ['SELECT 1', 'SELECT 2'] } };
  const results = [
    { rows: [{ a: 1 }], changed: 0 },
    { rows: [], changed: 2 },
  ];
  expect(await outcome(two, [{ results }], [{ id: 7, results }])).toEqual([]);
});

test('mail is answered and not sent; it accepts all recipients unless the case says otherwise', async () => {
  const mail = { uses: 'mail.send', config: { to: 'a@example.com, b@example.com', subject: 'Hi', text: 'x' } };
  expect(
    await outcome(mail, [{}], [{ id: 7, sent: { accepted: ['a@example.com', 'b@example.com'], rejected: [] } }]),
  ).toEqual([]);
  expect(
    await outcome(mail, [{ rejected: ['b@example.com'], accepted: [] }], [{ sent: { rejected: ['b@example.com'] } }]),
  ).toEqual([]);
});

test('a file that is read in batches is said once', async () => {
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      it: { uses: 'csv.rows', config: { path: 'a.csv', batch: 1 } },
      row: { uses: 'items.set', config: { fields: { seen: true } } },
    },
    edges: ['start -> it', 'it.loop -> row', 'row -> it.next'],
  });
  const saved: Case = {
    name: 'A case',
    workflow: WORKFLOW_ID,
    items: [{ json: {} }],
    effects: { it: [{ text: 'n\n1\n2\n3\n' }] },
    expect: { status: 'succeeded', steps: { it: ['1', '2', '3'].map((n) => ({ json: { n, seen: true } })) } },
  };
  expect((await runCase(tree, 'a', saved, { sandbox, vars: {} })).differences).toEqual([]);
  const none = await runCase(tree, 'a', { ...saved, effects: {} }, { sandbox, vars: {} });
  expect(none.differences[0]).toMatchObject({ where: 'status', actual: 'failed' });
});

test('a file comes from the case, or from an earlier step', async () => {
  const read = { uses: 'file.read', config: { path: 'a.json', as: 'json' } };
  expect(await outcome(read, [{ json: { n: 1 } }], [{ id: 7, data: { n: 1 } }])).toEqual([]);
  expect(
    await outcome({ uses: 'csv.read', config: { from: 'storage', path: 'a.csv' } }, [{ text: 'n\n1' }], [{ n: '1' }]),
  ).toEqual([]);
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      put: { uses: 'file.write', config: { path: 'a.json', from: 'json', how: 'append' } },
      it: read,
      all: { uses: 'file.list' },
    },
    edges: ['start -> put', 'put -> it', 'it -> all'],
  });
  const saved: Case = {
    name: 'A case',
    workflow: WORKFLOW_ID,
    items: [{ json: { id: 7 } }],
    expect: {
      status: 'succeeded',
      steps: { it: [{ json: { data: { id: 7 } } }], all: [{ json: { path: 'a.json', bytes: 9 } }] },
    },
  };
  expect((await runCase(tree, 'a', saved, { sandbox, vars: {} })).differences).toEqual([]);
});

test('a failure that the case says is met like a real one; an answer that is missing is named', async () => {
  const error = { code: 'database.failed', message: 'no such table' };
  expect(await outcome(QUERY, [{ error }], { code: 'database.failed', stepId: 'it' })).toEqual([]);
  expect(
    await outcome(QUERY, undefined, { code: 'connector.rejected', detail: 'Add one to effects.it of the case.' }),
  ).toEqual([]);
  expect(
    await outcome({ uses: 'file.read', config: { path: 'none' } }, undefined, { code: 'connector.rejected' }),
  ).toEqual([]);
  expect(await outcome(QUERY, [{ rows: [] }], { code: 'database.failed' })).not.toEqual([]);
});
