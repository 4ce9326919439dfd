import { WebhookConfig, type WebhookSecrets } from '#runtime/connectors/trigger/webhookConfig.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { Secret } from '#shared/log.ts';
import type { Workflow } from '#shared/workflow/tree.ts';
import { findSealed } from '../connections/connectionStore.ts';
import type { Vault } from '../connections/vault.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import type { Allowances } from '../runs/ports.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { hookKeyHash } from './hookKey.ts';
import { findTarget, type HookTarget } from './hookStore.ts';

export type HookAddress = { workspaceId: string; workflowId: string; key: string };

/** Everything a request to a webhook is checked with. */
export type ResolvedHook = HookTarget & {
  workspaceId: string;
  workflowId: string;
  workflow: Workflow;
  /** Of its runs in the queue: 1 is served first. */
  priority: number;
  config: WebhookConfig;
  secrets: Secret<WebhookSecrets>;
};

export type HookTargets = {
  /** @param fresh look now, whatever was found a moment ago. @throws SluiceError hook.not_found */
  resolve(address: HookAddress, fresh?: boolean): Promise<ResolvedHook>;
};

const KEPT_MS = 1_000;
const KEPT = 5_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const noHook = () =>
  new SluiceError('hook.not_found', 'There is no webhook at this address, or nothing is published behind it.', {
    advice: 'Compare the address with the one the publish dialog shows.',
  });

/** Finds what an address leads to. An answer is at most a second old. */
export function createHookTargets(deps: {
  database: Database;
  versionTrees: VersionTrees;
  vault: Vault;
  allowances: Pick<Allowances, 'planOf'>;
  clock: Clock;
}): HookTargets {
  const { database, versionTrees, vault, allowances, clock } = deps;
  const kept = new Map<string, { hook: Promise<ResolvedHook>; until: number }>();

  async function find({ workspaceId, workflowId, key }: HookAddress): Promise<ResolvedHook> {
    if (!UUID.test(workspaceId) || !UUID.test(workflowId) || key.length > 100) throw noHook();
    const found = await database.withWorkspaceSql({ workspaceId }, async (sql) => {
      const target = await findTarget(sql, { workspaceId, workflowId, keyHash: hookKeyHash(key) });
      if (!target) throw noHook();
      const { tree } = await versionTrees.read(sql, workspaceId, target.versionId);
      const workflow = tree.workflows[workflowId];
      const step = workflow?.steps[target.stepId];
      const config = WebhookConfig.safeParse(step?.config).data;
      if (!workflow || step?.uses !== 'trigger.webhook' || step.disabled || !config) throw noHook();
      const name = step.connection;
      const bound = name !== undefined && Object.hasOwn(target.bindings, name) ? target.bindings[name] : name;
      const [sealed] = bound === undefined ? [] : await findSealed(sql, workspaceId, [bound]);
      const { queuePriority: priority } = await allowances.planOf(sql, workspaceId);
      return { target, config, sealed, priority, workflow };
    });
    const { target, config, sealed, priority, workflow } = found;
    const secrets = sealed ? await vault.open(workspaceId, sealed) : new Secret<JsonObject>({});
    return {
      ...target,
      workspaceId,
      workflowId,
      workflow,
      priority,
      config,
      secrets: secrets as Secret<JsonObject> as Secret<WebhookSecrets>,
    };
  }

  return {
    resolve(address, fresh = false) {
      const name = tenantKey(address.workspaceId, address.workflowId, address.key);
      const now = clock.now().getTime();
      const known = kept.get(name);
      if (known && !fresh && known.until > now) return known.hook;
      const hook = find(address);
      if (kept.size >= KEPT) kept.clear();
      kept.set(name, { hook, until: now + KEPT_MS });
      hook.catch(() => kept.delete(name));
      return hook;
    },
  };
}
