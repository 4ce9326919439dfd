import { formsOf } from '#runtime/agent/servedForms.ts';
import { type Route, routesOf } from '#runtime/agent/servedRoutes.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Secret } from '#shared/log.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { findSealed } from '../connections/connectionStore.ts';
import type { Vault } from '../connections/vault.ts';
import { findActive } from '../deployments/deploymentStore.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import type { Allowances } from '../runs/ports.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { listAddresses } from './hookStore.ts';
import type { InboxTarget } from './inbox.ts';

export type ApiPlace = { workspaceId: string; environmentId: string };

type Served = { routes: Route[]; forms: ReturnType<typeof formsOf> };

/** The routes and forms of what is published in an environment now. */
export type ResolvedApi = Served & {
  projectName: string;
  /** Where a run of one of its triggers belongs. @throws SluiceError hook.not_found */
  targetOf(trigger: { workflowId: string; stepId: string }): InboxTarget;
  /** What a connection of the project holds here; undefined where it is not bound. */
  secretOf(connection: string): Promise<Secret<JsonObject> | undefined>;
};

export type ApiTargets = {
  /** @param fresh look now, whatever was found a moment ago. @throws SluiceError hook.not_found */
  resolve(place: ApiPlace, fresh?: boolean): Promise<ResolvedApi>;
};

const KEPT_MS = 1_000;
const KEPT = 2_000;
/** Versions whose schemas are ready. */
const COMPILED = 200;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const noApi = () =>
  new SluiceError('hook.not_found', 'There is no API or form at this address, or nothing is published behind it.', {
    advice: 'Compare the address with the one the publish dialog shows.',
  });

/** Finds what an environment answers to. An answer is at most a second old. */
export function createApiTargets(deps: {
  database: Database;
  versionTrees: VersionTrees;
  vault: Vault;
  allowances: Pick<Allowances, 'planOf'>;
  clock: Clock;
}): ApiTargets {
  const { database, versionTrees, vault, allowances, clock } = deps;
  const kept = new Map<string, { api: Promise<ResolvedApi>; until: number }>();
  const compiled = new Map<string, Promise<Served>>();

  function servedBy(workspaceId: string, versionId: string, tree: Tree): Promise<Served> {
    const key = tenantKey(workspaceId, versionId);
    const known = compiled.get(key);
    if (known) return known;
    if (compiled.size >= COMPILED) compiled.clear();
    const made = routesOf(tree).then((routes) => ({ routes, forms: formsOf(tree) }));
    compiled.set(key, made);
    made.catch(() => compiled.delete(key));
    return made;
  }

  async function find({ workspaceId, environmentId }: ApiPlace): Promise<ResolvedApi> {
    if (!UUID.test(workspaceId) || !UUID.test(environmentId)) throw noApi();
    const found = await database.withWorkspaceSql({ workspaceId }, async (sql) => {
      const active = await findActive(sql, workspaceId, { environmentId });
      if (!active) throw noApi();
      const { tree } = await versionTrees.read(sql, workspaceId, active.versionId);
      const addresses = await listAddresses(sql, workspaceId, environmentId);
      const { queuePriority: priority } = await allowances.planOf(sql, workspaceId);
      return { active, tree, addresses, priority };
    });
    const { active, tree, addresses, priority } = found;
    const { bindings, projectId, environment, versionId, id: deploymentId } = active;
    const secrets = new Map<string, Promise<Secret<JsonObject> | undefined>>();

    async function open(connection: string): Promise<Secret<JsonObject> | undefined> {
      const bound = Object.hasOwn(bindings, connection) ? bindings[connection] : connection;
      const [sealed] = await database.withWorkspaceSql({ workspaceId }, (sql) =>
        findSealed(sql, workspaceId, [bound ?? connection]),
      );
      return sealed ? ((await vault.open(workspaceId, sealed)) as Secret<JsonObject>) : undefined;
    }

    return {
      ...(await servedBy(workspaceId, versionId, tree)),
      projectName: tree.project.name,
      targetOf({ workflowId, stepId }) {
        const hookId = addresses.get(`${workflowId}:${stepId}`);
        const workflow = tree.workflows[workflowId];
        if (hookId === undefined || !workflow) throw noApi();
        return {
          workspaceId,
          hookId,
          projectId,
          environment,
          stepId,
          deploymentId,
          versionId,
          workflowId,
          workflow,
          priority,
        };
      },
      secretOf(connection) {
        const opened = secrets.get(connection) ?? open(connection);
        secrets.set(connection, opened);
        return opened;
      },
    };
  }

  return {
    resolve(place, fresh = false) {
      const name = tenantKey(place.workspaceId, place.environmentId);
      const now = clock.now().getTime();
      const known = kept.get(name);
      if (known && !fresh && known.until > now) return known.api;
      const api = find(place);
      if (kept.size >= KEPT) kept.clear();
      kept.set(name, { api, until: now + KEPT_MS });
      api.catch(() => kept.delete(name));
      return api;
    },
  };
}
