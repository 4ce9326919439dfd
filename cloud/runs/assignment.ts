import type { Assignment, BoundConnection } from '#shared/contract/agentApi.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { whyItRests } from '../connections/connectionPolicy.ts';
import { findSealed, markUsed, type SealedConnection } from '../connections/connectionStore.ts';
import type { Vault } from '../connections/vault.ts';
import { connectionsOf } from '../deployments/triggers.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import type { Claimed } from './claimStore.ts';
import { readEvents } from './journalStore.ts';
import type { Sql } from './ports.ts';
import type { TakenOver } from './runStore.ts';

/** All of an assignment but the secrets, which are opened outside of the transaction. */
export type Draft = {
  assignment: Omit<Assignment, 'connections'>;
  sealed: { name: string; connection: SealedConnection }[];
};

type Row = {
  project_id: string;
  workflow_id: string;
  version_id: string;
  environment: string;
  trigger_step_id: string;
  input: { items: Item[] };
  vars: Record<string, Json> | null;
  bindings: Record<string, string> | null;
  environment_revision: number | null;
  last_seq: number;
  retry_of_id: string | null;
  taken_over: TakenOver | null;
};

/** What a runtime needs to execute a run, or to go on with it. Undefined where the run is gone. */
export async function draftAssignment(
  sql: Sql,
  { runId, fence }: Claimed,
  about: {
    workspaceId: string;
    leaseMs: number;
    have: ReadonlySet<string>;
    resumeUrl?: (workspaceId: string, runId: string) => string;
  },
  versionTrees: VersionTrees,
): Promise<Draft | undefined> {
  const { workspaceId, leaseMs, have, resumeUrl } = about;
  const { rows } = await sql.query<Row>(
    `select r.project_id, r.workflow_id, r.version_id, r.environment, r.trigger_step_id, r.input, r.retry_of_id, r.taken_over, r.last_seq,
            d.vars, d.bindings, d.environment_revision
       from run r left join deployment d on d.workspace_id = r.workspace_id and d.id = r.deployment_id
      where r.workspace_id = $1 and r.id = $2`,
    [workspaceId, runId],
  );
  const row = rows[0];
  if (!row) return undefined;
  const { tree, contentHash } = await versionTrees.read(sql, workspaceId, row.version_id);
  const events: RunEvent[] = row.last_seq === 0 ? [] : await readEvents(sql, workspaceId, runId);
  const sealed = await boundConnections(sql, workspaceId, tree, row.workflow_id, row.bindings ?? {});
  return {
    assignment: {
      runId,
      fence,
      leaseMs,
      projectId: row.project_id,
      workflowId: row.workflow_id,
      versionId: row.version_id,
      treeHash: contentHash,
      ...(have.has(contentHash) ? {} : { tree }),
      environment: {
        name: row.environment,
        vars: row.vars ?? {},
        ...(row.environment_revision === null ? {} : { revision: row.environment_revision }),
      },
      triggerStepId: row.trigger_step_id,
      input: row.input.items,
      ...(row.retry_of_id === null ? {} : { retryOf: row.retry_of_id }),
      // What was taken over stands in the journal once the run has begun.
      ...(events.length === 0 && row.taken_over?.recorded ? { recorded: row.taken_over.recorded } : {}),
      ...(row.taken_over?.effectRunId ? { effectRunId: row.taken_over.effectRunId } : {}),
      ...(resumeUrl ? { resumeUrl: resumeUrl(workspaceId, runId) } : {}),
      events,
    },
    sealed,
  };
}

/** Only what the workflow binds: a run never holds another workflow's secrets. */
async function boundConnections(
  sql: Sql,
  workspaceId: string,
  tree: Tree,
  workflowId: string,
  bindings: Record<string, string>,
): Promise<Draft['sealed']> {
  const names = connectionsOf(tree, workflowId);
  const recordOf = (name: string) => (Object.hasOwn(bindings, name) ? (bindings[name] as string) : name);
  const records = new Map(
    (await findSealed(sql, workspaceId, names.map(recordOf))).map((connection) => [connection.name, connection]),
  );
  const sealed = names.flatMap((name) => {
    const connection = records.get(recordOf(name));
    return connection ? [{ name, connection }] : [];
  });
  await markUsed(
    sql,
    workspaceId,
    sealed.flatMap(({ connection }) => (connection.rests ? [] : [connection.id])),
  );
  return sealed;
}

/** Adds the opened secrets. */
export async function completeAssignment(workspaceId: string, draft: Draft, vault: Vault): Promise<Assignment> {
  const connections: Record<string, BoundConnection> = {};
  for (const { name, connection } of draft.sealed) {
    const { connector, hosts, rests } = connection;
    if (rests) {
      connections[name] = { connector, secret: {}, hosts: [], withheld: whyItRests(rests) };
      continue;
    }
    const secret = (await vault.use(workspaceId, connection)).reveal();
    connections[name] = { connector, secret, hosts };
  }
  return { ...draft.assignment, connections };
}
