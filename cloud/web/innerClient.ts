import { type CloudApi, cloudApi } from '#shared/contract/cloudApi.ts';
import { type Client, createClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import type { Actor, Caller, SignedIn } from '../server/actor.ts';
import type { Identities } from '../server/authenticate.ts';
import type { Calls } from '../server/calls.ts';
import { ensure, mustHave } from '../server/policy.ts';
import type { RateLimits } from '../server/rateLimits.ts';

/** Somebody who is signed in on a page. */
export type Person = Caller & { session: SignedIn };

export type CloudClient = Client<CloudApi>;

export type InnerDeps = { calls: Calls; identities: Pick<Identities, 'membershipOf'> };

/** What may be asked, by whom: the same checks as over HTTP, in the same order. */
export async function askerFor(
  { identities }: InnerDeps,
  person: Person,
  access: string,
  workspaceId: string | undefined,
): Promise<Person | Actor> {
  if (access === 'session') return person;
  if (workspaceId === undefined) {
    throw new SluiceError('request.invalid', 'The request does not say which workspace it is for.');
  }
  const { session, ...caller } = person;
  const member = await identities.membershipOf(session.userId, workspaceId);
  if (!member) throw new SluiceError('workspace.not_found', 'There is no such workspace.');
  const actor: Actor = { ...caller, ...session, workspaceId, ...member };
  ensure(mustHave(actor, access as Parameters<typeof mustHave>[1]));
  return actor;
}

/**
 * Asks one call of the cloud's API from inside this process. The answer is as the service gave it.
 *
 * @param limits absent for what the page did not ask itself, such as the news it is told
 * @throws SluiceError; request.not_found also for what needs no sign-in, or another one than a page has
 */
export async function askInside(
  deps: InnerDeps & { limits?: RateLimits | undefined },
  person: Person,
  request: { name: string; input: unknown; workspaceId?: string | undefined },
): Promise<unknown> {
  const { name, input, workspaceId } = request;
  const known = deps.calls.find(name);
  if (!known || known.call.access === 'public' || known.call.access === 'token') {
    throw new SluiceError('request.not_found', `There is no call named ${name}.`);
  }
  const asker = await askerFor(deps, person, known.call.access, workspaceId);
  await deps.limits?.take(known.call.rate, person.session.userId);
  return known.answer(parse(known.call.input, input, 'The request'), asker);
}

/**
 * The cloud's API as one person in one workspace; without it, only what is about the person.
 *
 * @param who asked at each call, as what the session says may change while somebody holds the client
 */
export function createInnerClient(
  deps: InnerDeps & { limits?: RateLimits | undefined },
  who: () => Person,
  workspaceId?: string,
): CloudClient {
  return createClient(cloudApi, (name, input) => askInside(deps, who(), { name, input, workspaceId }));
}
