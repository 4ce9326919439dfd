import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import * as postgres from '#runtime/connectors/postgres/postgres.ts';
import { createWorld, itemsOf, jsonOf } from '#runtime/connectors/stepCall.fixture.ts';
import type { SqlPort } from '#runtime/engine/ports/sql.ts';
import { createPostgresPort } from '#runtime/engine/ports/sqlPostgres.ts';
import type { JsonObject } from '#shared/json.ts';
import { runTree, sketchTree } from '../fixtures/engine.ts';
import { createTestDatabase, type TestDatabase } from '../fixtures/postgres.ts';

let database: TestDatabase;
let port: SqlPort;
let secret: JsonObject;
let world: ReturnType<typeof createWorld>;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: false });
  const { host, port: at, user, password, database: name } = database.owner;
  secret = { host, port: at, user, password, database: name, tls: 'off' };
  port = createPostgresPort({ env: {} });
});
afterAll(async () => {
  await port?.close();
  await database?.close();
});
beforeEach(async () => {
  await database.ownerSql('DROP TABLE IF EXISTS items, sluice_effects');
  await database.ownerSql('CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL, extra jsonb)');
  world = createWorld({ sql: port, connection: secret });
});
const all = async () =>
  jsonOf((await world.run(postgres.query, { sql: 'SELECT id, name FROM items ORDER BY id' }, itemsOf({}))).main);

test('rows are put in, changed, found and deleted', async () => {
  const { run } = world;
  const put = { table: 'items', row: { name: "it's", extra: { a: [1] } }, returning: ['id'] };
  expect(jsonOf((await run(postgres.insert, put, itemsOf({ k: 1 }))).main)).toEqual([
    { k: 1, inserted: 1, rows: [{ id: 1 }] },
  ]);
  await run(postgres.insert, { table: 'public.items', rows: [{ name: 'b' }, { name: 'c' }] }, itemsOf({}));
  const found = await run(
    postgres.query,
    ({ json }) => ({ sql: 'SELECT extra FROM items WHERE name = $1', params: [json.name ?? null] }),
    itemsOf({ name: "it's" }),
  );
  expect(jsonOf(found.main)).toEqual([{ extra: { a: [1] } }]);
  expect(
    jsonOf(
      (await run(postgres.update, { table: 'items', where: { name: 'b' }, set: { name: 'B' } }, itemsOf({}))).main,
    ),
  ).toEqual([{ changed: 1 }]);
  expect(jsonOf((await run(postgres.remove, { table: 'items', where: { extra: null } }, itemsOf({}))).main)).toEqual([
    { changed: 2 },
  ]);
  expect(await all()).toEqual([{ id: 1, name: "it's" }]);
  const moved = {
    statements: ['INSERT INTO items (name) VALUES ($1) RETURNING name', 'DELETE FROM items'],
    params: [['x']],
  };
  expect(jsonOf((await run(postgres.transaction, moved, itemsOf({}))).main)).toEqual([
    {
      results: [
        { rows: [{ name: 'x' }], changed: 1 },
        { rows: [], changed: 2 },
      ],
    },
  ]);
});

test('a rule of the table is named, and nothing of the step is left', async () => {
  const rows = [{ name: 'a' }, { name: null }];
  await expect(world.run(postgres.insert, { table: 'items', rows }, itemsOf({}))).rejects.toMatchObject({
    code: 'database.failed',
    details: { column: 'name', table: 'items', reason: '23502' },
  });
  expect(await all()).toEqual([]);
});

test.each(['name"; DROP TABLE items; --', 'a b', 'ä'])('a column called %j is refused', async (column) => {
  await expect(world.run(postgres.insert, { table: 'items', row: { [column]: 1 } }, itemsOf({}))).rejects.toMatchObject(
    { code: 'config.invalid' },
  );
  await expect(
    world.run(postgres.remove, { table: 'items', where: { [column]: 1 } }, itemsOf({})),
  ).rejects.toMatchObject({ code: 'config.invalid' });
});

test('its effect is keyed while the key is kept, else unsafe', () => {
  const effect = (config: object) => (postgres.insert.effect as (config: object) => string)(config);
  expect([effect({}), effect({ once: true }), effect({ once: false })]).toEqual(['keyed', 'keyed', 'unsafe']);
});

test('a run that is done again inserts nothing twice, and its journal holds no password', async () => {
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      add: { uses: 'postgres.insert', connection: 'db', config: { table: 'items', row: { name: 'n{{ $json.n }}' } } },
    },
    edges: ['start -> add'],
  });
  const options = {
    items: [{ n: 1 }, { n: 2 }],
    sql: port,
    connections: { db: { connector: 'postgres', secret, hosts: [] } },
  };
  const first = await runTree(tree, options);
  expect(first.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'succeeded' });
  const cut = first.events.slice(
    0,
    first.events.findIndex((event) => event.type === 'effect.recorded'),
  );
  const second = await runTree(tree, { ...options, events: cut });
  expect(second.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'succeeded' });
  expect((await all()).map(({ name }) => name)).toEqual(['n1', 'n2']);
  expect(JSON.stringify([...first.events, ...second.events])).not.toContain(String(secret.password));
});

test('without a connection it says so', async () => {
  const tree = sketchTree({
    steps: { start: { uses: 'trigger.manual' }, q: { uses: 'postgres.query', config: { sql: 'SELECT 1' } } },
    edges: ['start -> q'],
  });
  expect((await runTree(tree, { items: [{}], sql: port })).events.at(-1)).toMatchObject({
    error: { code: 'connection.not_bound' },
  });
});
