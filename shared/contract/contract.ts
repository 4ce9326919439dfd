import type { z } from 'zod';
import { SluiceError } from '../error.ts';
import { parse } from '../parse.ts';
import type { Permission } from '../permission.ts';

/** How often a caller may ask: each class has one limit per user, key and address (domain.md 10). */
export type RateClass =
  | 'read'
  | 'write'
  | 'sign_in'
  | 'sign_up'
  | 'reset'
  | 'stream'
  | 'hook'
  | 'agent'
  | 'monitor'
  | 'page';

/**
 * Who may ask: a permission in the workspace (which is also the API key's scope), `session` for any signed-in user,
 * `public` for anybody, `token` where the call checks a credential of its own (a webhook's key, a container's token).
 */
export type Access = Permission | 'session' | 'public' | 'token';

/** One call across a process boundary. Over HTTP it also has a route, an access rule and a rate class. */
export type Call = {
  /** `GET /v1/projects/:projectId`; names after `:` are taken from the input, the rest is query (GET, DELETE) or body. */
  route?: string;
  access?: Access;
  rate?: RateClass;
  /** It still works, and will not for ever. Dates as `2026-11-21`. */
  deprecated?: { since: string; until?: string; instead?: string };
  input: z.ZodType;
  output: z.ZodType;
};

export type HttpCall = Call & { route: string; access: Access; rate: RateClass };
export type Group = Record<string, Call>;
export type HttpGroup = Record<string, HttpCall>;
export type Contract = Record<string, Group>;

/** What a caller holds: `client.versions.create({ … })`. */
export type Client<C extends Contract> = { [G in keyof C]: GroupClient<C[G]> };
export type GroupClient<G extends Group> = {
  [K in keyof G]: (input: z.input<G[K]['input']>) => Promise<z.output<G[K]['output']>>;
};

/** What the other side implements, one function per call. `Actor` is who asks. */
export type Service<G extends Group, Actor = void> = {
  [K in keyof G]: (
    input: z.output<G[K]['input']>,
    actor: Actor,
  ) => Promise<z.input<G[K]['output']>> | z.input<G[K]['output']>;
};
export type Services<C extends Contract, Actor = void> = { [G in keyof C]: Service<C[G], Actor> };

/** `['versions.create', …]`, sorted as declared. */
export function callNames(contract: Contract): string[] {
  return Object.entries(contract).flatMap(([group, calls]) => Object.keys(calls).map((verb) => `${group}.${verb}`));
}

/** The call behind `group.verb`. @throws SluiceError request.not_found */
export function findCall(contract: Contract, name: string): Call {
  const [group = '', verb = ''] = name.split('.');
  const calls = Object.hasOwn(contract, group) ? contract[group] : undefined;
  const call = calls && Object.hasOwn(calls, verb) ? calls[verb] : undefined;
  if (!call) throw new SluiceError('request.not_found', `There is no call named ${name}.`);
  return call;
}

/** A client whose calls go through `send`, which carries the name and the input across and brings the answer back. */
export function createClient<C extends Contract>(
  contract: C,
  send: (name: string, input: unknown) => Promise<unknown>,
): Client<C> {
  const client: Record<string, Record<string, (input: unknown) => Promise<unknown>>> = {};
  for (const [group, calls] of Object.entries(contract)) {
    const verbs: Record<string, (input: unknown) => Promise<unknown>> = {};
    for (const [verb, call] of Object.entries(calls)) {
      verbs[verb] = async (input) => answerOf(`${group}.${verb}`, call.output, await send(`${group}.${verb}`, input));
    }
    client[group] = verbs;
  }
  return client as Client<C>;
}

/** What was answered, checked. It may be large, so that it is looked at once where nothing is wrong with it. */
function answerOf(name: string, schema: z.ZodType, answer: unknown): unknown {
  const { success, data, error } = schema.safeParse(answer);
  return success ? data : parse(schema, withoutNews(error, answer), `The answer of ${name}`, 'internal');
}

/** An answer of a newer server without the fields that this contract does not have yet. Everything else stays to be checked. */
function withoutNews(error: z.ZodError, answer: unknown): unknown {
  const news = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [],
  );
  if (news.length === 0) return answer;
  const copy: unknown = JSON.parse(JSON.stringify(answer));
  for (const path of news) {
    const holder = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], copy);
    delete (holder as Record<PropertyKey, unknown>)[path.at(-1) ?? ''];
  }
  return copy;
}

/** Answers calls by name: checks the input, asks the service, checks the answer. */
export function createDispatcher<C extends Contract, Actor>(
  contract: C,
  services: Services<C, Actor>,
): (name: string, input: unknown, actor: Actor) => Promise<unknown> {
  return async (name, input, actor) => {
    const call = findCall(contract, name);
    const [group = '', verb = ''] = name.split('.');
    const service = services[group] as Record<string, (input: unknown, actor: Actor) => unknown>;
    const answer = await service[verb]?.(parse(call.input, input, `The request ${name}`), actor);
    return parse(call.output, answer, `The answer of ${name}`, 'internal');
  };
}
