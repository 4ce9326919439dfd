import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { type PathPattern, pathPattern } from '../connectors/trigger/pathPattern.ts';
import { WebhookConfig, type WebhookSecrets } from '../connectors/trigger/webhookConfig.ts';

/** Starts a run at a trigger. `isHeld`: somebody waits for its answer. */
export type Begin = (
  from: { workflowId: string; stepId: string },
  trigger: 'webhook' | 'event' | 'schedule' | 'route' | 'form',
  items: Item[],
  dedupe?: { hook: string; deliveryId: string },
  isHeld?: boolean,
) => Promise<{ runId: string; repeated: boolean }>;

/** A webhook of a served project. */
export type Hook = {
  workflowId: string;
  workflowName: string;
  stepId: string;
  pattern: PathPattern;
  path: string;
  config: WebhookConfig;
  connection: string | undefined;
};
/** A trigger that waits for events of a name. */
export type EventTrigger = { workflowId: string; workflowName: string; stepId: string; name: string };

/** The enabled triggers of one type, over all workflows. */
export function triggersOf(tree: Tree, uses: string) {
  return Object.entries(tree.workflows).flatMap(([workflowId, workflow]) =>
    Object.entries(workflow.steps)
      .filter(([, step]) => step.uses === uses && !step.disabled)
      .map(([stepId, step]) => ({
        workflowId,
        workflowName: workflow.name,
        slug: workflow.slug,
        stepId,
        step,
        settings: workflow.settings,
      })),
  );
}

/** @throws SluiceError config.invalid */
export function hooksOf(tree: Tree): Hook[] {
  return triggersOf(tree, 'trigger.webhook').map(({ workflowId, workflowName, stepId, step }) => {
    const config = parse(WebhookConfig, step.config, `The webhook ${stepId}`, 'config.invalid');
    const pattern = pathPattern(config.path);
    return { workflowId, workflowName, stepId, pattern, path: config.path, config, connection: step.connection };
  });
}

export function eventsOf(tree: Tree): EventTrigger[] {
  return triggersOf(tree, 'trigger.event').map(({ workflowId, workflowName, stepId, step }) => ({
    workflowId,
    workflowName,
    stepId,
    name: String(step.config.name),
  }));
}

/**
 * The webhook that a request is for, and what the parts `:name` of its path stand for. Several may share a path, one per
 * method.
 *
 * @throws SluiceError hook.not_found, hook.method_not_allowed
 */
export function findHook(
  hooks: readonly Hook[],
  method: string,
  path: string,
): { hook: Hook; params: Record<string, string> } {
  const found = hooks.flatMap((hook) => {
    const params = hook.pattern.match(path);
    return params ? [{ hook, params }] : [];
  });
  if (found.length === 0) {
    throw new SluiceError('hook.not_found', `No webhook listens at /hooks/${path}.`, {
      advice: `There are: ${hooks.map((hook) => `/hooks/${hook.path}`).join(', ') || 'none'}.`,
    });
  }
  const match = found.find(({ hook }) => (hook.config.methods as string[]).includes(method));
  if (match) return match;
  const methods = found.flatMap(({ hook }) => hook.config.methods);
  throw new SluiceError('hook.method_not_allowed', `/hooks/${path} takes ${methods.join(', ')}, not ${method}.`, {
    details: { methods },
    advice: `Call it with ${methods.join(' or ')}, or add ${method} to the methods of the trigger.`,
  });
}

/** What a webhook checks its sender with. @throws SluiceError hook.unavailable */
export function secretsOf(hook: Hook, connections: Record<string, BoundConnection>): WebhookSecrets {
  if (hook.connection === undefined) return {} as WebhookSecrets;
  const bound = connections[hook.connection];
  if (bound) return bound.secret as WebhookSecrets;
  throw new SluiceError(
    'hook.unavailable',
    `The webhook ${hook.path} checks its sender with the connection ${hook.connection}, which is not set up here.`,
    { advice: 'Set the connection up for this computer.' },
  );
}
