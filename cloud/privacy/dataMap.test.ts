import { afterAll, beforeAll, expect, test } from 'vitest';
import { contentHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, eventsOf, step, treeOf } from '../../tests/fixtures/control.ts';
import { makePurgeable, markDeleted, purgeRows } from '../workspaces/lifecycleStore.ts';
import { DATA_MAP, type MapRow } from './dataMap.ts';
import { type ExportedRow, workspaceRows } from './exportStore.ts';

let control: Control;
let mill: Awaited<ReturnType<typeof richTenant>>;
let farm: Awaited<ReturnType<typeof richTenant>>;
beforeAll(async () => {
  control = await createControlBench();
  [mill, farm] = [await richTenant(), await richTenant()];
});
afterAll(() => control.close());

function mapRow(table: string): MapRow {
  const row = DATA_MAP.find((one) => one.table === table);
  if (!row) throw new Error(`The data map has no table ${table}.`);
  return row;
}

const CANARY = 'canary-4f1d-secret-of-a-connection';

const columnsOf = async () => {
  const rows = await control.ownerSql<{ table: string; column: string }>(
    `select c.relname as table, a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.relname <> '_prisma_migrations'
        and a.attnum > 0 and not a.attisdropped order by 1, 2`,
  );
  const tables = new Map<string, string[]>();
  for (const { table, column } of rows) tables.set(table, [...(tables.get(table) ?? []), column]);
  return tables;
};

test('every table of the database stands in the data map, and every column that the map names is there', async () => {
  const tables = await columnsOf();
  expect(DATA_MAP.map(({ table }) => table).sort()).toEqual([...tables.keys()].sort());
  for (const { table, of, personal = [], secret = [] } of DATA_MAP) {
    const columns = tables.get(table) ?? [];
    expect({ table, unknown: [...personal, ...secret].filter((one) => !columns.includes(one)) }).toEqual({
      table,
      unknown: [],
    });
    const tenant = columns.includes('workspace_id') || table === 'workspace';
    expect({ table, of: of === 'workspace' }).toEqual({ table, of: tenant });
  }
});

test('the role of exports may read what the map lets leave and nothing else, and may change nothing', async () => {
  const rights = await control.ownerSql<{ table: string; column: string; reads: boolean; changes: boolean }>(
    `select c.relname as table, a.attname as column,
            has_column_privilege('sluice_exporter', c.oid, a.attnum, 'select') as reads,
            has_table_privilege('sluice_exporter', c.oid, 'insert, update, delete, truncate')
              or has_column_privilege('sluice_exporter', c.oid, a.attnum, 'insert, update') as changes
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
        -- Rows are read in the order of their keys.
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey))`,
  );
  const wrong = rights.filter(({ table, column, reads, changes }) => {
    const row = DATA_MAP.find((one) => one.table === table);
    const leaves =
      row !== undefined &&
      !row.inner &&
      (row.of === 'workspace' || row.about !== undefined) &&
      !row.secret?.includes(column);
    return changes || reads !== leaves;
  });
  expect(wrong).toEqual([]);
  expect(rights.filter(({ reads }) => reads).length).toBeGreaterThan(200);
  const attempt = (text: string) => control.db.withExport(mill, (sql) => sql.query(text));
  expect((await attempt('select name from connection')).rows).not.toEqual([]);
  await expect(attempt('select ciphertext from connection')).rejects.toMatchObject({ code: '42501' });
  for (const text of ["update workspace set name = 'x'", 'delete from connection']) {
    await expect(attempt(text)).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|25006)$/) });
  }
  // And of another workspace nothing.
  const others = await control.db.withExport(mill, (sql) =>
    sql.query('select 1 from connection where workspace_id = $1', [farm.workspaceId]),
  );
  expect(others.rows).toEqual([]);
});

test('whatever is called like a secret never leaves, and whatever is called like a person is known as one', async () => {
  /** Hashes of what is exported itself. */
  const harmless =
    /^(content_hash|exec_hash|runtime_hash|result_hash|place_hash|prev_hash|person_hash|hash|head_hash|body_hash)$/;
  const open: string[] = [];
  const unnamed: string[] = [];
  for (const [table, columns] of await columnsOf()) {
    const { secret = [], personal = [], inner } = mapRow(table);
    for (const column of columns) {
      const sounds = /hash|secret|sealed|cipher|wrapped|salt|token|password/.test(column) && !harmless.test(column);
      if (sounds && !inner && !secret.includes(column)) open.push(`${table}.${column}`);
      const names = /email|user_agent|(^|_)ip$|actor_name/.test(column);
      if (names && !personal.includes(column) && column !== 'email_verified_at') unnamed.push(`${table}.${column}`);
    }
  }
  expect({ open, unnamed }).toEqual({ open: [], unnamed: [] });
});

test('a foreign key to a person is in a row that the person’s export has', async () => {
  const keys = await control.ownerSql<{ table: string }>(
    `select distinct conrelid::regclass::text as table from pg_constraint
      where contype = 'f' and confrelid = 'user_account'::regclass`,
  );
  expect(keys.length).toBeGreaterThan(15);
  expect(keys.filter(({ table }) => mapRow(table.replaceAll('"', '')).about === undefined)).toEqual([]);
});

/** A workspace in which something of every kind happened. */
async function richTenant() {
  const tenant = await control.newTenant();
  const { actor, projectId, workspaceId } = tenant;
  const steps = {
    start: step('trigger.manual'),
    tick: step('trigger.schedule', { cron: '0 0 1 1 *' }),
    hook: step('trigger.webhook', { path: 'in' }),
    work: step('items.set', { fields: { text: 'Grüße ✓ \n "' } }, { mode: 'each' }),
  };
  const tree = treeOf(projectId, steps, { edges: ['start.main->work.main', 'hook.main->work.main'] });
  await control.connections.set(
    { name: 'mail', connector: 'http', secret: { kind: 'bearer', token: CANARY }, hosts: ['example.com'] },
    actor,
  );
  await control.publish(actor, tree);
  const workflowId = Object.keys(tree.workflows)[0] ?? '';
  const agent = await control.newAgent(workspaceId);
  for (let n = 0; n < 3; n++) {
    const start = {
      projectId,
      environment: 'production',
      workflowId,
      triggerStepId: 'start',
      items: [{ json: { odd: '\u0000\n' } }],
    };
    await control.runs.start(start, actor);
    const run = (await agent.next(1)).runs[0];
    if (!run) throw new Error('nothing was handed out');
    await agent.report(run, eventsOf(run, { type: 'run.started' }, { type: 'run.ended', status: 'succeeded' }), true);
  }
  await control.blobs.put(workspaceId, Buffer.from('some large data'));
  return { ...tenant, tree };
}

const keyOf = (table: string) => (table === 'workspace' ? 'id' : 'workspace_id');

async function exported(workspaceId: string): Promise<ExportedRow[]> {
  const rows: ExportedRow[] = [];
  const run = <T>(work: Parameters<typeof control.db.withExport<T>>[1]) => control.db.withExport({ workspaceId }, work);
  for await (const row of workspaceRows(run, workspaceId)) rows.push(row);
  return rows;
}

test('a workspace’s export has every row and column of it that is no secret, exactly, and no secret at all', async () => {
  const { workspaceId } = mill;
  const rows = await exported(workspaceId);
  const all = await control.ownerSql<{ table: string; row: string }>(
    DATA_MAP.filter(({ of, inner }) => of === 'workspace' && !inner)
      .map(
        ({ table }) =>
          `select '${table}' as table, to_json(t)::text as row from "${table}" t where ${keyOf(table)} = $1`,
      )
      .join(' union all '),
    [workspaceId],
  );
  let compared = 0;
  for (const { table, of, inner, secret = [] } of DATA_MAP) {
    const there = of === 'workspace' && !inner ? all.filter((one) => one.table === table) : [];
    const withoutSecrets = there.map(({ row }) => {
      const whole = JSON.parse(row) as Record<string, unknown>;
      return JSON.stringify(Object.fromEntries(Object.entries(whole).filter(([name]) => !secret.includes(name))));
    });
    const had = rows.filter((row) => row.table === table).map(({ text }) => JSON.stringify(JSON.parse(text)));
    expect({ table, rows: had.sort() }).toEqual({ table, rows: withoutSecrets.sort() });
    compared += had.length;
  }
  expect(compared).toBe(rows.length);
  expect(new Set(rows.map(({ table }) => table)).size).toBeGreaterThan(15);
  expect(rows.map(({ text }) => text).join('\n')).not.toContain(CANARY);
  for (const { text } of rows) expect(text).not.toMatch(/[\r\n]/);
  console.log(`export: ${compared} rows of ${compared} compared, all equal`);
});

test('what is exported of a project can be taken into another workspace, and is the same there', async () => {
  const { workspaceId, projectId, tree } = mill;
  const head = (await exported(workspaceId)).find(({ table }) => table === 'project_head');
  const { tree: carried, hash } = JSON.parse(head?.text ?? '{}') as { row?: never; tree: Tree; hash: string };
  expect(carried).toEqual(tree);
  const other = await control.newTenant();
  const taken = { ...carried, project: { ...carried.project, id: other.projectId } };
  const pushed = await control.push(other.actor, taken);
  const there = await control.projects.head({ projectId: other.projectId }, other.actor);
  expect(contentHash(there.tree as Tree)).toBe(contentHash(taken));
  expect([projectId, hash, pushed.revision]).toEqual([carried.project.id, expect.any(String), expect.any(Number)]);
});

test('a workspace that is purged leaves no row anywhere, and another keeps all of its', async () => {
  const [gone, stays] = [mill, farm];
  const counts = DATA_MAP.filter(({ of }) => of === 'workspace').map(
    ({ table }) => `select '${table}' as table, count(*)::int as n from "${table}" where ${keyOf(table)} = $1`,
  );
  const count = async (workspaceId: string) => {
    const rows = await control.ownerSql<{ table: string; n: number }>(counts.join(' union all '), [workspaceId]);
    return Object.fromEntries(rows.filter(({ n }) => n > 0).map(({ table, n }) => [table, n]));
  };
  const before = await count(stays.workspaceId);
  const had = await count(gone.workspaceId);
  expect(Object.keys(had).length).toBeGreaterThan(20);
  const rows = await control.db.withWorkspaceSql(gone.actor, async (sql) => {
    await markDeleted(sql, gone.workspaceId, gone.userId);
    await makePurgeable(sql, gone.workspaceId);
    return purgeRows(sql, gone.workspaceId);
  });
  expect(rows).toBeGreaterThan(20);
  expect(await count(gone.workspaceId)).toEqual({});
  expect(await count(stays.workspaceId)).toEqual(before);
});
