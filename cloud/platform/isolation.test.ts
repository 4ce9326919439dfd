import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';

let database: TestDatabase;
let ours: { userId: string; workspaceId: string };
let theirs: typeof ours;

beforeAll(async () => {
  database = await createTestDatabase();
  [ours, theirs] = [await newWorkspace(database), await newWorkspace(database)];
  for (const { userId, workspaceId } of [ours, theirs]) {
    await database.db.withWorkspace({ workspaceId }, (tx) =>
      tx.project.create({ data: { workspaceId, id: uuidv7(), name: 'P', slug: 'p', createdById: userId } }),
    );
  }
});
afterAll(() => database.close());

async function as<T>(
  role: 'sluice_app' | 'sluice_dispatcher' | 'sluice_queue' | 'sluice_exporter' | 'sluice_readonly',
  fn: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(database.as(role));
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}

const KNOWN_OPEN = [
  ...['_prisma_migrations', 'authorization_code', 'device', 'device_authorization', 'linked_account'],
  ...['provider_sign_in', 'session', 'stripe_event', 'user_account', 'verification_token'],
];

const tenantTables = () =>
  database.ownerSql<{ name: string; forced: boolean; policies: number }>(
    `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
       (select count(*)::int from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant'
          and p.polqual is not null and p.polwithcheck is not null) as policies
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
     where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace`,
  );

test('every table that carries a workspace has forced row-level security for reading and writing', async () => {
  const tables = await tenantTables();
  expect(tables.length).toBeGreaterThan(25);
  expect(tables.filter((table) => !table.forced || table.policies !== 1)).toEqual([]);
});

test('a table without row-level security is one of those that are known to need none', async () => {
  const open = await database.ownerSql<{ name: string }>(
    `select relname as name from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
       and not (relrowsecurity and relforcerowsecurity) order by 1`,
  );
  // Of accounts, before it is known whose they are: each is found by a hash of what only its owner has, or by an address.
  expect(open.map(({ name }) => name)).toEqual(KNOWN_OPEN);
});

test('every tenant table keys its rows by workspace, and its foreign keys to tenant tables carry it too', async () => {
  const loose = await database.ownerSql(
    `select con.conname from pg_constraint con
     join pg_attribute own on own.attrelid = con.conrelid and own.attname = 'workspace_id'
     join pg_attribute target on target.attrelid = con.confrelid and target.attname = 'workspace_id'
     where con.contype = 'f' and not own.attnum = any (con.conkey)`,
  );
  expect(loose).toEqual([]);
  const unkeyed = await database.ownerSql(
    `select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
     where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
       and not exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey))`,
  );
  expect(unkeyed).toEqual([]);
});

test('no role that logs in may bypass row-level security, own a table, truncate or make one', async () => {
  const roles = await database.ownerSql(
    `select rolname from pg_roles where rolname like 'sluice\\_%' and rolname <> 'sluice_owner'
       and (rolsuper or rolbypassrls or rolcreatedb or rolcreaterole)`,
  );
  expect(roles).toEqual([]);
  const truncating = await database.ownerSql(
    `select r.rolname, c.relname from pg_roles r, pg_class c where r.rolname like 'sluice\\_%' and r.rolname <> 'sluice_owner'
       and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and has_table_privilege(r.oid, c.oid, 'truncate')`,
  );
  expect(truncating).toEqual([]);
  await as('sluice_app', async (client) => {
    await expect(client.query('create table mine (id int)')).rejects.toMatchObject({ code: '42501' });
    await expect(client.query('truncate project')).rejects.toMatchObject({ code: '42501' });
    await expect(client.query('alter table project disable row level security')).rejects.toMatchObject({
      code: '42501',
    });
  });
});

test('without a workspace set, no tenant table shows a row', async () => {
  const tables = [...(await tenantTables()).map((table) => table.name), 'workspace'];
  for (const role of ['sluice_app', 'sluice_exporter', 'sluice_readonly'] as const) {
    await as(role, async (client) => {
      let refused = 0;
      for (const table of tables) {
        // What a role may not read at all shows nothing either.
        const n = await client.query(`select count(*)::int as n from "${table}"`).then(
          ({ rows }) => rows[0].n as number,
          (error: { code: string }) => (error.code === '42501' ? undefined : Promise.reject(error)),
        );
        if (n === undefined) refused++;
        expect({ role, table, n: n ?? 0 }).toEqual({ role, table, n: 0 });
      }
      expect(refused).toBeLessThan(role === 'sluice_app' ? 1 : tables.length / 2);
    });
  }
  await as('sluice_app', async (client) => {
    // After a committed transaction the setting is empty, not absent.
    await client.query('begin');
    await client.query("select set_config('app.workspace_id', $1, true)", [ours.workspaceId]);
    expect((await client.query('select count(*)::int as n from project')).rows[0].n).toBe(1);
    await client.query('commit');
    expect((await client.query('select count(*)::int as n from project')).rows[0].n).toBe(0);
  });
});

test('a workspace sees its own rows and no others, by Prisma and by SQL', async () => {
  const seen = await database.db.withWorkspace(ours, async (tx) => ({
    projects: await tx.project.findMany(),
    workspaces: await tx.workspace.findMany(),
    members: await tx.membership.findMany(),
  }));
  expect(seen.projects.map((project) => project.workspaceId)).toEqual([ours.workspaceId]);
  expect(seen.workspaces.map((workspace) => workspace.id)).toEqual([ours.workspaceId]);
  expect(seen.members.map((member) => member.userId)).toEqual([ours.userId]);
  const { rows } = await database.db.withWorkspaceSql(theirs, (sql) => sql.query('select workspace_id from project'));
  expect(rows).toEqual([{ workspace_id: theirs.workspaceId }]);
});

test('a row for another workspace is refused, and another workspace’s rows cannot be changed', async () => {
  const foreign = { workspaceId: theirs.workspaceId, id: uuidv7(), name: 'X', slug: 'x', createdById: ours.userId };
  await expect(database.db.withWorkspace(ours, (tx) => tx.project.create({ data: foreign }))).rejects.toThrow(
    /row-level security/,
  );
  const { count } = await database.db.withWorkspace(ours, (tx) =>
    tx.project.updateMany({ where: { workspaceId: theirs.workspaceId }, data: { name: 'stolen' } }),
  );
  expect(count).toBe(0);
});

test('a row cannot point at another workspace’s row', async () => {
  const [target] = await database.ownerSql<{ id: string }>('select id from project where workspace_id = $1', [
    theirs.workspaceId,
  ]);
  const head = { workspaceId: ours.workspaceId, projectId: target?.id ?? '', revision: 1, hash: 'x', tree: {} };
  await expect(database.db.withWorkspace(ours, (tx) => tx.projectHead.create({ data: head }))).rejects.toMatchObject({
    code: 'P2003',
  });
});

test('a person reads which workspaces they belong to, and nothing else of any', async () => {
  const seen = await database.db.withUser(ours.userId, async (tx) => ({
    workspaces: await tx.workspace.findMany(),
    members: await tx.membership.findMany(),
    projects: await tx.project.findMany(),
  }));
  expect(seen.workspaces.map((workspace) => workspace.id)).toEqual([ours.workspaceId]);
  expect(seen.members.map((member) => member.workspaceId)).toEqual([ours.workspaceId]);
  expect(seen.projects).toEqual([]);
});

test('interleaved transactions on one pool never see each other’s workspace', async () => {
  const turns = Array.from({ length: 60 }, (_, turn) => (turn % 2 ? ours : theirs));
  const seen = await Promise.all(
    turns.map((person, turn) =>
      turn % 3
        ? database.db.withWorkspace(person, async (tx) =>
            (await tx.project.findMany()).map((project) => project.workspaceId),
          )
        : database.db.withWorkspaceSql(person, async (sql) =>
            (await sql.query<{ workspace_id: string }>('select workspace_id from project')).rows.map(
              (row) => row.workspace_id,
            ),
          ),
    ),
  );
  expect(seen).toEqual(turns.map((person) => [person.workspaceId]));
});

test('the dispatcher sees claims of every workspace, and no other table', async () => {
  await database.db.withClaims((sql) => sql.query('select * from run_claim'));
  await as('sluice_dispatcher', async (client) => {
    for (const { name } of await tenantTables()) {
      if (name.endsWith('_claim')) continue;
      await expect(client.query(`select * from "${name}"`), name).rejects.toMatchObject({ code: '42501' });
    }
  });
});

test('a workspace id that is none is refused before it reaches the database', async () => {
  await expect(async () =>
    database.db.withWorkspace({ workspaceId: "x' or true --" }, async () => 1),
  ).rejects.toMatchObject({ code: 'workspace.not_found' });
});

test('versions never change, deployments only move forward, and finished runs stay finished', async () => {
  const workspaceId = ours.workspaceId;
  const [project] = await database.ownerSql<{ id: string }>('select id from project where workspace_id = $1', [
    workspaceId,
  ]);
  const projectId = project?.id ?? '';
  const [versionId, environmentId, deploymentId, runId] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];
  const hashes = { contentHash: 'c', execHash: 'e', runtimeHash: 'r' };
  await database.db.withWorkspace(ours, async (tx) => {
    await tx.version.create({
      data: {
        workspaceId,
        id: versionId,
        projectId,
        number: 1,
        revision: 1,
        tree: {},
        createdById: ours.userId,
        ...hashes,
      },
    });
    await tx.environment.create({ data: { workspaceId, id: environmentId, projectId, name: 'production' } });
    await tx.deployment.create({
      data: {
        workspaceId,
        id: deploymentId,
        environmentId,
        versionId,
        projectId,
        environmentRevision: 1,
        runtimeHash: 'r',
        requestedById: ours.userId,
        status: 'provisioning',
      },
    });
    await tx.run.create({
      data: {
        workspaceId,
        id: runId,
        projectId,
        workflowId: uuidv7(),
        workflowName: 'W',
        versionId,
        environment: 'production',
        trigger: 'manual',
        triggerStepId: 't',
        input: {},
        priority: 5,
        status: 'succeeded',
      },
    });
  });
  const change = (text: string, values: unknown[]) => database.ownerSql(text, values);
  await expect(change('update version set note = $1 where id = $2', ['x', versionId])).rejects.toMatchObject({
    code: '23001',
  });
  await expect(change('delete from version where id = $1', [versionId])).rejects.toMatchObject({ code: '23001' });
  await expect(change("update deployment set status = 'queued' where id = $1", [deploymentId])).rejects.toMatchObject({
    code: '23001',
  });
  await change("update deployment set status = 'active' where id = $1", [deploymentId]);
  await expect(change('delete from deployment where id = $1', [deploymentId])).rejects.toMatchObject({ code: '23001' });
  await expect(change("update run set status = 'failed' where id = $1", [runId])).rejects.toMatchObject({
    code: '23001',
  });
  const second = {
    workspaceId,
    id: uuidv7(),
    environmentId,
    versionId,
    projectId,
    environmentRevision: 1,
    runtimeHash: 'r',
    requestedById: ours.userId,
  };
  await expect(
    database.db.withWorkspace(ours, (tx) => tx.deployment.create({ data: { ...second, status: 'active' } })),
  ).rejects.toMatchObject({ code: 'P2002' });
});
