import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { KEY_SCOPES } from '#shared/contract/cloud/apiKeys.ts';
import { commitOf } from '#shared/merge/ops.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Person, send, type TestCloud } from '../fixtures/cloud.ts';
import { RUNTIME_HASH, step, treeOf, workflowIdOf } from '../fixtures/control.ts';

/** Who sends a request: the headers that say so. */
export type Asker = { name: string; headers: Record<string, string> };

/** A workspace with one of everything, and an example value for each name that a route may ask for. */
export type World = {
  owner: Person;
  workspaceId: string;
  /** By the name of the field or path part, `connections.name` before `name`. */
  ids: Record<string, string>;
  /** The secret of an API key with every scope that a key can have. */
  keySecret: string;
  /** A text that stands in names of this workspace and nowhere else. */
  mark: string;
};

const DEVICE = '0199f2c0-0000-7000-8000-000000000009';

/** @param mark a word that nothing else holds */
export async function makeWorld(cloud: TestCloud, mark: string): Promise<World> {
  const owner = await cloud.newPerson(mark);
  const { workspaceId, userId } = owner;
  const sql = cloud.database.ownerSql;
  await sql(`update workspace set plan = 'enterprise' where id = $1`, [workspaceId]);

  const projectId = uuidv7();
  const workflowId = workflowIdOf(projectId);
  await must(owner.call('POST', '/v1/projects', { id: projectId, name: `Project ${mark}` }));
  const tree = treeOf(projectId, {
    start: step('trigger.manual'),
    [`work_${mark}`]: step('trigger.manual'),
  });
  const head = await must(owner.call<{ tree: Tree }>('GET', `/v1/projects/${projectId}/head`));
  const about = { commitId: uuidv7(), deviceId: DEVICE, baseRevision: 0, origin: 'canvas' as const };
  const commit = commitOf(head.tree, tree, about);
  await must(owner.call('POST', `/v1/projects/${projectId}/commits`, { commit }));
  const version = await must(
    owner.call<{ id: string }>('POST', `/v1/projects/${projectId}/versions`, { expectedRevision: 1, note: mark }),
  );
  const environments = await must(
    owner.call<{ id: string; name: string }[]>('GET', `/v1/projects/${projectId}/environments`),
  );
  const environmentId = environments.find(({ name }) => name === 'production')?.id ?? '';
  const connectionName = `connection-${mark}`;
  const environmentName = `environment-${mark}`;
  await must(
    owner.call('PUT', `/v1/connections/${connectionName}`, {
      connector: 'http',
      secret: { kind: 'bearer', token: `token of ${mark}` },
      hosts: ['example.com'],
    }),
  );
  await must(owner.call('PUT', `/v1/projects/${projectId}/environments/${environmentName}`, { vars: { MARK: mark } }));

  const [deploymentId, runId, conflictId] = [uuidv7(), uuidv7(), uuidv7()];
  await sql(
    `insert into deployment (workspace_id, id, project_id, environment_id, version_id, environment_revision, runtime_hash,
                             status, requested_by_id, updated_at, finished_at)
     values ($1, $2, $3, $4, $5, 1, $6, 'active', $7, now(), now())`,
    [workspaceId, deploymentId, projectId, environmentId, version.id, RUNTIME_HASH, userId],
  );
  await sql(
    `insert into run (workspace_id, id, project_id, workflow_id, workflow_name, version_id, environment, trigger,
                      trigger_step_id, input, priority, status, finished_at)
     values ($1, $2, $3, $4, $5, $6, 'production', 'manual', 'start', '{"items":[]}', 5, 'succeeded', now())`,
    [workspaceId, runId, projectId, workflowId, `Workflow ${mark}`, version.id],
  );
  await sql(
    `insert into run_claim (workspace_id, run_id, status, priority, due_at) values ($1, $2, 'waiting', 5, null)`,
    [workspaceId, runId],
  );
  await sql(
    `insert into conflict (workspace_id, id, project_id, commit_id, path, kind, answers, chosen, who, place_hash, status,
                           created_by_id)
     values ($1, $2, $3, $4, '["project","name"]', 'value', $5, 'theirs', $6, $7, 'open', $8)`,
    [
      workspaceId,
      conflictId,
      projectId,
      commit.commitId,
      JSON.stringify({ base: 'a', theirs: mark, ours: 'c' }),
      JSON.stringify({ theirs: mark, ours: mark }),
      '0'.repeat(64),
      userId,
    ],
  );
  const key = await newKey(cloud, owner);
  const more = await addPeople(cloud, { workspaceId, userId, email: owner.email, mark });
  const sessions = await must(owner.call<{ id: string }[]>('GET', '/v1/sessions'));
  const ids: Record<string, string> = {
    ...{ workspaceId, userId, projectId, workflowId, environmentId, deploymentId, runId, conflictId },
    ...more,
    keyId: key.id,
    actorId: userId,
    versionId: version.id,
    sessionId: sessions[0]?.id ?? '',
    'connections.name': connectionName,
    'environments.name': environmentName,
  };
  return { owner, workspaceId, ids, mark, keySecret: key.secret };
}

/** Another member, invitations from the workspace and to its owner, a workspace that was deleted, a notification. */
async function addPeople(
  cloud: TestCloud,
  { workspaceId, userId, email, mark }: { workspaceId: string; userId: string; email: string; mark: string },
): Promise<Record<string, string>> {
  const sql = cloud.database.ownerSql;
  const [otherId, memberId, invitationId, ownInvitationId, deletedId, hostId, notificationId] = Array.from(
    { length: 7 },
    () => uuidv7(),
  ) as [string, string, string, string, string, string, string];
  await sql(
    `insert into user_account (id, email, name, password_hash, email_verified_at, updated_at)
     values ($1, $2, $3, 'none', now(), now())`,
    [otherId, `other-${mark}@example.com`, `Other ${mark}`],
  );
  await sql(`insert into membership (workspace_id, id, user_id, role) values ($1, $2, $3, 'editor')`, [
    workspaceId,
    memberId,
    otherId,
  ]);
  for (const [id, slug, ownerId, gone] of [
    [deletedId, `deleted-${mark}`, userId, true],
    [hostId, `host-${mark}`, otherId, false],
  ] as const) {
    await sql(
      `insert into workspace (id, name, slug, owner_id, updated_at, deleted_at, deleted_by_id, purge_after)
       values ($1, $2, $2, $3, now(), ${gone ? "now(), $3, now() + interval '20 days'" : 'null, null, null'})`,
      [id, slug, ownerId],
    );
    await sql(`insert into membership (workspace_id, id, user_id, role) values ($1, $2, $3, 'owner')`, [
      id,
      uuidv7(),
      ownerId,
    ]);
  }
  for (const [from, id, to, by] of [
    [workspaceId, invitationId, `guest-${mark}@example.com`, userId],
    [hostId, ownInvitationId, email, otherId],
  ] as const) {
    await sql(
      `insert into invitation (workspace_id, id, email, role, token_hash, invited_by_id, sent_at, expires_at)
       values ($1, $2, $3, 'viewer', $4, $5, now(), now() + interval '5 days')`,
      [from, id, to, randomUUID(), by],
    );
  }
  await sql(
    `insert into notification (id, user_id, about_workspace_id, kind, title, message)
     values ($1, $2, $3, 'run_failed', $4, $4)`,
    [notificationId, userId, workspaceId, `A run of ${mark} failed.`],
  );
  return {
    ...{ memberId, invitationId, notificationId },
    'ownInvitations.invitationId': ownInvitationId,
    'workspaces.restore:workspaceId': deletedId,
  };
}

/** The body of an answer that has to be a good one. */
export async function must<T>(asked: Promise<{ status: number; body: T }>): Promise<T> {
  const { status, body } = await asked;
  if (status !== 200) throw new Error(`The world could not be made: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Makes a new person a member of a workspace. */
export async function newMember(
  cloud: TestCloud,
  world: World,
  role: 'admin' | 'editor' | 'viewer',
  { removed = false } = {},
): Promise<Person> {
  const person = await cloud.newPerson(`${removed ? 'removed' : role} of ${world.mark}`);
  await cloud.database.ownerSql(
    `insert into membership (workspace_id, id, user_id, role, deleted_at) values ($1, $2, $3, $4::role, $5)`,
    [world.workspaceId, randomUUID(), person.userId, role, removed ? new Date() : null],
  );
  return person;
}

async function newKey(cloud: TestCloud, owner: Person): Promise<{ id: string; secret: string }> {
  const { key, secret } = await must(
    owner.call<{ key: { id: string }; secret: string }>('POST', '/v1/api-keys', { name: 'Matrix', scopes: KEY_SCOPES }),
  );
  await must(send(cloud.url, 'GET', '/v1/projects', undefined, { authorization: `Bearer ${secret}` }));
  return { id: key.id, secret };
}

/** What the server writes by itself while nobody asks. */
const BY_THE_SERVER = ['audit_seal', 'upkeep_claim', 'search_entry', 'search_mark'];

/** A fingerprint of every row that a workspace has, by table. */
export async function rowsOf(cloud: TestCloud, workspaceId: string): Promise<Record<string, string>> {
  const tables = await cloud.database.ownerSql<{ name: string }>(
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and not a.attisdropped
        and c.relname <> all ($1::text[]) order by 1`,
    [BY_THE_SERVER],
  );
  const query = tables
    .map(
      ({ name }) =>
        `select '${name}' as name, coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as rows
           from "${name}" t where workspace_id = $1`,
    )
    .join(' union all ');
  const found = await cloud.database.ownerSql<{ name: string; rows: string }>(query, [workspaceId]);
  return Object.fromEntries(found.map(({ name, rows }) => [name, rows]));
}
