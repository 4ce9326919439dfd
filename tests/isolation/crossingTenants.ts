import type { Role } from '#shared/permission.ts';
import { type Control, step, treeOf } from '../fixtures/control.ts';

/** One of several workspaces whose records have the same ids, names and hashes, and differ in one word. */
export type Tenant = { index: number; mark: string; workspaceId: string; userId: string };

export const MARKS = ['amber', 'cobalt', 'jade', 'russet'] as const;
/** What one and the same person is in each of them. */
export const ROLES: readonly (Role | undefined)[] = ['owner', 'viewer', 'editor', undefined];

/** Tables whose rows each of them has, with the same ids. */
const ALIKE = ['project', 'project_head', 'version', 'run', 'commit', 'conflict'];

/** In this database an id may stand in several workspaces, so that nothing but the names we make keeps them apart. */
async function allowSameIds({ ownerSql }: Control): Promise<void> {
  const indexes = await ownerSql<{ name: string }>(
    `select i.indexrelid::regclass::text as name from pg_index i join pg_attribute a on a.attrelid = i.indrelid
      where i.indisunique and i.indnkeyatts = 1 and a.attnum = i.indkey[0] and a.attname = 'id'
        and i.indrelid = any ($1::text[]::regclass[])`,
    [ALIKE.map((table) => `"${table}"`)],
  );
  for (const { name } of indexes) await ownerSql(`drop index ${name}`);
}

/** The first is made as always; the others get its rows, with another word where the mark stands. */
export async function makeTenants(control: Control) {
  await allowSameIds(control);
  const first = await control.newTenant('business');
  const [mark] = MARKS;
  const { actor, projectId } = first;
  const tree = treeOf(projectId, { start: step('trigger.manual'), [`work_${mark}`]: step('trigger.manual') });
  const { id: versionId } = await control.freeze(actor, tree);
  const runId = '0199f2c4-5d1e-7a3b-9c40-00000000aa01';
  await control.ownerSql(
    `insert into run (workspace_id, id, project_id, workflow_id, workflow_name, version_id, environment, trigger,
                      trigger_step_id, input, priority)
     values ($1, $2, $3, $2, $4, $5, 'production', 'manual', 'start', '{"items":[]}', 5)`,
    [first.workspaceId, runId, projectId, mark, versionId],
  );
  const [commit] = await control.ownerSql<{ commit_id: string }>(
    'select commit_id from commit where workspace_id = $1',
    [first.workspaceId],
  );
  await control.ownerSql(
    `insert into conflict (workspace_id, id, project_id, commit_id, path, kind, answers, chosen, who, place_hash, status,
                           created_by_id)
     values ($1, $2, $3, $4, '["project","name"]', 'value', $5, 'theirs', '{}', $6, 'open', $7)`,
    [
      ...[first.workspaceId, runId, projectId, commit?.commit_id],
      ...[JSON.stringify({ base: 'a', theirs: mark, ours: 'c' }), '0'.repeat(64), first.userId],
    ],
  );
  const tenants: Tenant[] = [{ index: 0, mark, workspaceId: first.workspaceId, userId: first.userId }];
  for (const [index, other] of MARKS.entries()) {
    if (index === 0) continue;
    const { workspaceId, userId } = await control.newTenant('business');
    tenants.push({ index, mark: other, workspaceId, userId });
    for (const table of ALIKE) {
      const rows = await control.ownerSql<{ row: string }>(
        `select coalesce(json_agg(t), '[]')::text as row from "${table}" t where workspace_id = $1`,
        [first.workspaceId],
      );
      const text = rows[0]?.row.replaceAll(first.workspaceId, workspaceId).replaceAll(mark, other);
      await control.ownerSql(`insert into "${table}" select * from json_populate_recordset(null::"${table}", $1)`, [
        text,
      ]);
    }
    // As many conflicts wait as the number says.
    await control.ownerSql(
      `insert into conflict select (json_populate_record(c, json_build_object('id', gen_random_uuid()))).*
         from conflict c, generate_series(1, $2) where c.workspace_id = $1`,
      [workspaceId, index],
    );
  }
  const personId = first.userId;
  for (const { index, workspaceId } of tenants) {
    const role = ROLES[index];
    if (index === 0 || role === undefined) continue;
    await control.ownerSql(
      `insert into membership (workspace_id, id, user_id, role) values ($1, gen_random_uuid(), $2, $3::role)`,
      [workspaceId, personId, role],
    );
  }
  return { tenants, projectId, versionId, runId, personId };
}
