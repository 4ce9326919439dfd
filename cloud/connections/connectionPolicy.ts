import type { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import type { Plan } from '#shared/plan.ts';

/** What is known of a connector: its fields, and the hosts it is limited to. */
export type ConnectorInfo = { title: string; hosts?: string[]; connection: z.ZodType };

/**
 * Checks a connection's fields against its connector.
 *
 * @throws SluiceError config.invalid, naming the field and never its value
 */
export function checkSecret(connector: string, info: ConnectorInfo | undefined, secret: JsonObject): JsonObject {
  if (!info) {
    throw new SluiceError('config.invalid', `There is no connector named ${connector}.`, {
      advice: 'Choose one of the connectors that the editor offers.',
    });
  }
  return parse(info.connection, secret, `The ${info.title} connection`, 'config.invalid') as JsonObject;
}

const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$|^\[[0-9a-f:.]+\](?::\d{1,5})?$/i;

/** @throws SluiceError config.invalid for what is not `host`, `host:port` or `*.suffix` */
export function checkHosts(hosts: string[]): void {
  const wrong = hosts.find((host) => !HOST.test(host));
  if (wrong === undefined) return;
  throw new SluiceError('config.invalid', `${wrong} is not a host this connection could be limited to.`, {
    advice: 'Write a host name, host:port, or *.example.com.',
  });
}

/** Why a connection that is kept is not used and what to do, for whoever looks at what needed it. */
export function whyItRests({ name, connections }: Plan): string {
  return `It rests: the ${name} plan has room for ${connections} connections. Choose below Connections which ones work, or change the plan.`;
}

/** @throws SluiceError plan.limit_exceeded (402) where more are to work than the plan has room for */
export function ensureAllWork(plan: Plan, wanted: number): void {
  if (wanted <= plan.connections) return;
  throw new SluiceError('plan.limit_exceeded', `The ${plan.name} plan has room for ${plan.connections} connections.`, {
    details: { limit: plan.connections, have: wanted },
    advice: 'Choose fewer: the others rest, and keep their secrets.',
  });
}

/** @throws SluiceError plan.limit_exceeded (402) with limit and have */
export function ensureRoom(plan: Plan, have: number): void {
  if (have < plan.connections) return;
  throw new SluiceError('plan.limit_exceeded', `The ${plan.name} plan has room for ${plan.connections} connections.`, {
    details: { limit: plan.connections, have },
    advice: 'Remove one that is no longer used, or change the plan.',
  });
}
