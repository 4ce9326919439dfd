import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { WebhookConfig, type WebhookSecrets } from '../connectors/trigger/webhookConfig.ts';

/** A webhook of a served project. */
export type Hook = {
  workflowId: string;
  workflowName: string;
  stepId: string;
  pattern: RegExp;
  names: string[];
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
    const names = [...config.path.matchAll(/:([A-Za-z][A-Za-z0-9_]*)/g)].map((match) => match[1] ?? '');
    const pattern = new RegExp(`^${config.path.replace(/:[A-Za-z][A-Za-z0-9_]*/g, '([^/]+)')}$`);
    return { workflowId, workflowName, stepId, pattern, names, path: config.path, config, connection: step.connection };
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
    const params = paramsOf(hook, path);
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

function paramsOf({ pattern, names }: Hook, path: string): Record<string, string> | undefined {
  const match = pattern.exec(path);
  if (!match) return undefined;
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]));
  } catch {
    // Not a text that was encoded: no address of ours.
    return undefined;
  }
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
