import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Json, JsonObject } from '#shared/json.ts';
import { runTree, sketchTree } from '../../../tests/fixtures/engine.ts';
import { openProjectFiles, type ProjectFiles } from '../../engine/ports/files.ts';
import { createSqlitePort } from '../../engine/ports/sqlSqlite.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { insert, query, remove, transaction, update } from './sqlite.ts';
import { deleteStatement, insertStatement, POSTGRES, SQLITE } from './statements.ts';

let dir: string;
let files: ProjectFiles;
let world: ReturnType<typeof createWorld>;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sqlite-steps-'));
  files = openProjectFiles(dir);
  world = createWorld({ sql: createSqlitePort(files) });
  await world.run(transaction, { statements: ['CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)'] }, itemsOf({}));
});
afterEach(() => {
  files.close();
  rmSync(dir, { recursive: true, force: true });
});
const all = async () =>
  jsonOf((await world.run(query, { sql: 'SELECT id, name FROM t ORDER BY id' }, itemsOf({}))).main);

test('a query that finds nothing gives nothing, or an item without fields for the steps behind', async () => {
  const sql = 'SELECT id FROM t WHERE id = ?';
  const ask = async (config: JsonObject) => (await world.run(query, { sql, ...config }, itemsOf({ n: 1 }))).main;
  expect(await ask({ params: [1] })).toEqual([]);
  expect(jsonOf(await ask({ params: [1], whenNone: 'empty_item' }))).toEqual([{}]);
  await world.run(insert, { table: 't', row: { id: 1 } }, itemsOf({}));
  expect(jsonOf(await ask({ params: [1], whenNone: 'empty_item' }))).toEqual([{ id: 1 }]);
});

test('rows are put in, changed, found and deleted', async () => {
  const { run } = world;
  expect(
    jsonOf(
      (
        await run(
          insert,
          ({ json }) => ({ table: 't', row: { id: json.id ?? null, name: "it's" } }),
          itemsOf({ id: 1 }, { id: 2 }),
        )
      ).main,
    ),
  ).toEqual([
    { id: 1, inserted: 1 },
    { id: 2, inserted: 1 },
  ]);
  await run(insert, { table: 't', rows: [{ id: 3, name: 'c' }, { id: 4 }] }, itemsOf({}));
  expect(jsonOf((await run(insert, { table: 't', row: { id: 1 }, onConflict: 'ignore' }, itemsOf({}))).main)).toEqual([
    { inserted: 0 },
  ]);
  expect(
    jsonOf((await run(update, { table: 't', where: { name: null }, set: { name: 'd' } }, itemsOf({ k: 1 }))).main),
  ).toEqual([{ k: 1, changed: 1 }]);
  expect(jsonOf((await run(remove, { table: 't', where: { id: 2, name: "it's" } }, itemsOf({}))).main)).toEqual([
    { changed: 1 },
  ]);
  expect(await all()).toEqual([
    { id: 1, name: "it's" },
    { id: 3, name: 'c' },
    { id: 4, name: 'd' },
  ]);
  expect(
    (
      await run(
        query,
        ({ json }) => ({ sql: 'SELECT name FROM t WHERE id = ?', params: [json.id ?? null] }),
        itemsOf({ id: 1 }, { id: 4 }),
      )
    ).main,
  ).toEqual([
    { json: { name: "it's" }, from: 0 },
    { json: { name: 'd' }, from: 1 },
  ]);
});

test('a transaction takes statements and a list of values for each', async () => {
  const config = {
    statements: ['INSERT INTO t VALUES (?, ?)', 'SELECT count(*) AS n FROM t', 'DELETE FROM t'],
    params: [[1, 'a']],
  };
  expect(jsonOf((await world.run(transaction, config, itemsOf({}))).main)).toEqual([
    {
      results: [
        { rows: [], changed: 1 },
        { rows: [{ n: 1 }], changed: 0 },
        { rows: [], changed: 1 },
      ],
    },
  ]);
  for (const params of ['x', { a: 1 }, [['a', 'b'], [], [], []], [1]] as Json[]) {
    await expect(world.run(transaction, { ...config, params }, itemsOf({}))).rejects.toMatchObject({
      code: 'config.invalid',
    });
  }
});

test.each([
  'id"; DROP TABLE t; --',
  'id" = 1 OR 1=1 --',
  'na me',
  '',
  '1a',
  'naïve',
  '__proto__x-',
  "id'",
])('a column called %j is refused, wherever it stands', async (column) => {
  const { run } = world;
  await run(insert, { table: 't', row: { id: 1, name: 'kept' } }, itemsOf({}));
  const refused = { code: 'config.invalid' };
  await expect(run(insert, { table: 't', row: { [column]: 1 } }, itemsOf({}))).rejects.toMatchObject(refused);
  await expect(
    run(update, { table: 't', where: { [column]: 1 }, set: { name: 'x' } }, itemsOf({})),
  ).rejects.toMatchObject(refused);
  await expect(
    run(update, { table: 't', where: { id: 1 }, set: { [column]: 'x' } }, itemsOf({})),
  ).rejects.toMatchObject(refused);
  await expect(run(remove, { table: 't', where: { [column]: 1 } }, itemsOf({}))).rejects.toMatchObject(refused);
  expect(await all()).toEqual([{ id: 1, name: 'kept' }]);
});

test.each([
  't; DROP TABLE t',
  't"',
  't.t.t',
  '',
  ' t',
  'sqlite master',
])('a table called %j is refused', async (table) => {
  await expect(world.run(insert, { table, row: { id: 1 } }, itemsOf({}))).rejects.toThrow();
});

test('data never becomes a condition of its own, and nothing never becomes every row', async () => {
  const { run } = world;
  await run(insert, { table: 't', rows: [{ id: 1 }, { id: 2 }] }, itemsOf({}));
  for (const where of [
    {},
    { id: undefined },
    { id: { ne: 0 } },
    { id: [1, 2] },
    { id: { $gt: '' } },
  ] as unknown as JsonObject[]) {
    await expect(run(remove, { table: 't', where }, itemsOf({}))).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(run(update, { table: 't', where, set: { name: 'x' } }, itemsOf({}))).rejects.toMatchObject({
      code: 'config.invalid',
    });
  }
  expect(await all()).toHaveLength(2);
  expect(jsonOf((await run(remove, { table: 't', all: true }, itemsOf({}))).main)).toEqual([{ changed: 2 }]);
});

test.each([
  ['sqlite.delete', {}],
  ['sqlite.update', { set: { name: 'x' } }],
])('%s never leaves out a condition whose value is missing', async (uses, more) => {
  await world.run(insert, { table: 't', rows: [{ id: 1, name: 'a' }] }, itemsOf({}));
  const where = { name: 'a', id: '=$json.id' };
  const tree = sketchTree({
    steps: { start: { uses: 'trigger.manual' }, act: { uses, config: { table: 't', where, ...more } } },
    edges: ['start -> act'],
  });
  const sql = createSqlitePort(files);
  const missing = await runTree(tree, { sql, items: [{ other: 1 }] });
  expect(missing.outcome).toMatchObject({
    status: 'failed',
    error: { code: 'config.invalid', message: expect.stringContaining('empty at id') },
  });
  expect(await all()).toEqual([{ id: 1, name: 'a' }]);
  const there = await runTree(tree, { sql, items: [{ id: 1 }] });
  expect(there.left('act')).toMatchObject([{ changed: 1 }]);
});

test('the text of a statement is never an expression, its parameters are', async () => {
  const sql = createSqlitePort(files);
  const sketch = (config: JsonObject) =>
    sketchTree({
      steps: { start: { uses: 'trigger.manual' }, q: { uses: 'sqlite.query', config } },
      edges: ['start -> q'],
    });
  const outcome = async (config: JsonObject) => {
    const { events } = await runTree(sketch(config), { items: [{ id: "1' OR '1'='1" }], files, sql });
    return events.find((event) => event.type === 'step.succeeded' && event.stepId === 'q') ?? events.at(-1);
  };
  expect(await outcome({ sql: "='SELECT ' + $json.id" })).toMatchObject({
    type: 'run.ended',
    status: 'failed',
    error: { code: 'database.failed' },
  });
  expect(await outcome({ sql: "SELECT '{{ $json.id }}' AS v" })).toMatchObject({
    type: 'run.ended',
    error: { code: 'config.invalid' },
  });
  expect(await outcome({ sql: 'SELECT ? AS v', params: ['={{ $json.id }}'] })).toMatchObject({
    outputs: { main: { items: [{ json: { v: "1' OR '1'='1" } }] } },
  });
});

test('a run that is done again inserts nothing twice', async () => {
  const sql = createSqlitePort(files);
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      add: { uses: 'sqlite.insert', config: { table: 't', row: { name: 'n{{ $json.n }}' } } },
    },
    edges: ['start -> add'],
  });
  const first = await runTree(tree, { items: [{ n: 1 }, { n: 2 }], files, sql });
  const cut = first.events.slice(
    0,
    first.events.findIndex((event) => event.type === 'effect.recorded'),
  );
  const second = await runTree(tree, { items: [{ n: 1 }, { n: 2 }], files, sql, events: cut });
  expect(second.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'succeeded' });
  expect((await all()).map(({ name }) => name)).toEqual(['n1', 'n2']);
});

test('a large answer is kept as a blob and given whole', async () => {
  const sql = createSqlitePort(files);
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      q: { uses: 'sqlite.query', config: { sql: 'SELECT hex(zeroblob(1000000)) AS big' } },
    },
    edges: ['start -> q'],
  });
  const { events } = await runTree(tree, { items: [{}], files, sql });
  const recorded = events.find((event) => event.type === 'effect.recorded');
  expect(recorded).toMatchObject({ kind: 'sql', result: { blob: expect.stringMatching(/^[0-9a-f]{64}$/) } });
  expect(events.at(-1)).toMatchObject({ status: 'succeeded' });
});

test('statements say their values by number, and no more than a database takes', () => {
  expect(
    insertStatement(POSTGRES, 'shop.t', { rows: [{ a: 1 }, { b: null, a: { x: 1 } }] }, { returning: ['a'] }),
  ).toEqual({
    sql: 'INSERT INTO "shop"."t" ("a", "b") VALUES ($1, $2), ($3, $4) RETURNING "a"',
    params: [1, null, { x: 1 }, null],
  });
  expect(deleteStatement(SQLITE, 't', { where: { a: 1, b: null, c: false }, all: false })).toEqual({
    sql: 'DELETE FROM "t" WHERE "a" = ?1 AND "b" IS NULL AND "c" = ?2',
    params: [1, false],
  });
  const wide = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`c${n}`, n]));
  expect(() => insertStatement(SQLITE, 't', { rows: Array.from({ length: 1_000 }, () => wide) })).toThrow(
    expect.objectContaining({ code: 'limit.exceeded' }),
  );
  expect(() => insertStatement(SQLITE, 't', {})).toThrow(expect.objectContaining({ code: 'config.invalid' }));
});
