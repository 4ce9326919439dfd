import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import type { z } from 'zod';
import type { HttpCall, HttpGroup } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Logger } from '#shared/log.ts';
import { parse } from '#shared/parse.ts';
import type { Permission } from '#shared/permission.ts';
import type { Actor, Caller } from './actor.ts';
import type { Authenticator } from './authenticate.ts';
import { checkDepth } from './bodyDepth.ts';
import type { Calls } from './calls.ts';
import type { Idempotency } from './idempotency.ts';
import { sendProblem } from './problem.ts';
import type { RateLimits } from './rateLimits.ts';
import type { Routes } from './routes.ts';

/** Who a call's function is handed: a member of the workspace where the contract asks for a permission, else just a caller. */
type AskerOf<C extends HttpCall> = C['access'] extends Permission
  ? Actor
  : C['access'] extends 'session'
    ? Required<Pick<Caller, 'session'>> & Caller
    : Caller;

/** What `mount` takes: one function per call. A `Service<G, Actor>` is one, and so is a `Service<G, Caller>`. */
export type MountedService<G extends HttpGroup> = {
  [K in keyof G]: (
    input: z.output<G[K]['input']>,
    asker: AskerOf<G[K]>,
  ) => Promise<z.input<G[K]['output']>> | z.input<G[K]['output']>;
};

export type MountDeps = {
  routes: Routes;
  limits: RateLimits;
  authenticate: Authenticator;
  idempotency: Idempotency;
  logger: Logger;
  /** Where each call is also kept for those inside this process. */
  calls?: Calls;
};

export type MountOptions<G extends HttpGroup> = {
  /** Largest body, for the calls where it is not 1 MB. */
  bodyBytes?: Partial<Record<keyof G, number>>;
  /** Calls that take or give a secret: nothing of it is kept under an Idempotency-Key, which then only says "done". */
  secret?: (keyof G)[];
};

const BODY_BYTES = 1_048_576;

/**
 * One Express route per call of a group: reads the input from path, query or body, checks it strictly, checks who asks and
 * how often, keeps the answer of a POST under the caller's Idempotency-Key, checks the answer, and turns what is thrown into
 * a problem document.
 *
 * @param name of the group, as in `versions.create`
 */
export function mount<G extends HttpGroup>(
  name: string,
  group: G,
  service: MountedService<G>,
  deps: MountDeps,
  { bodyBytes = {}, secret = [] }: MountOptions<G> = {},
): Router {
  const router = Router();
  for (const [verb, call] of Object.entries(group)) {
    const [method = '', path = ''] = call.route.split(' ');
    deps.routes.add({ name: `${name}.${verb}`, method, path, access: call.access, rate: call.rate });
    const answer = service[verb] as (input: unknown, asker: Caller | Actor) => unknown;
    deps.calls?.add(`${name}.${verb}`, { call, answer });
    const handlers: RequestHandler[] = [];
    if (method !== 'GET' && method !== 'DELETE') {
      handlers.push(
        express.json({ limit: bodyBytes[verb] ?? BODY_BYTES, verify: (_req, _res, bytes) => checkDepth(bytes) }),
      );
    }
    handlers.push(answerCall(`${name}.${verb}`, call, answer, deps, secret.includes(verb)));
    router[method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete'](path, ...handlers);
  }
  return router;
}

function answerCall(
  name: string,
  call: HttpCall,
  answer: (input: unknown, asker: Caller | Actor) => unknown,
  deps: MountDeps,
  secret: boolean,
): RequestHandler {
  return async (req, res) => {
    res.locals.route = name;
    try {
      const asker = await deps.authenticate(req, res, call.access);
      const userId = 'userId' in asker ? asker.userId : asker.session?.userId;
      // A key has a limit of its own, by plan (apiKeys/keyring.ts): programs do not use up what their person may ask.
      if (!('apiKey' in asker && asker.apiKey)) await deps.limits.take(call.rate, userId ?? asker.ip);
      const input = parse(call.input, inputOf(req), 'The request');
      const work = async () =>
        parse(call.output, await answer(input, asker), `The answer of ${name}`, 'internal') as Json;
      const key = req.method === 'POST' ? req.get('idempotency-key') : undefined;
      const body =
        key !== undefined && userId !== undefined
          ? await once(
              deps.idempotency,
              {
                userId,
                key,
                route: `${name} ${'workspaceId' in asker ? asker.workspaceId : ''}`,
                input: input as Json,
              },
              work,
              secret,
            )
          : await work();
      send(res, body);
    } catch (thrown) {
      sendProblem(res, thrown, String(res.locals.requestId), deps.logger);
    }
  };
}

/** The answer of the first request with this key; where it holds a secret, only its first caller gets it. */
async function once(
  idempotency: Idempotency,
  request: Parameters<Idempotency>[0],
  work: () => Promise<Json>,
  secret: boolean,
): Promise<Json> {
  if (!secret) return idempotency(request, work);
  let answer: Json | undefined;
  await idempotency({ ...request, input: null }, async () => {
    answer = await work();
    return { answered: true };
  });
  if (answer !== undefined) return answer;
  throw new SluiceError('request.key_reused', 'The request with this Idempotency-Key was answered already.', {
    advice: 'Its answer is not kept, because it may hold a secret. What it made can be replaced by another.',
  });
}

function send(res: Response, body: Json): void {
  res.setHeader('Cache-Control', 'no-store');
  res.status(200).type('application/json').send(JSON.stringify(body));
}

/** Path names, and the query or the body. The same name twice is refused, so that nobody can say two things at once. */
function inputOf(req: Request): Record<string, unknown> {
  const rest: unknown = req.method === 'GET' || req.method === 'DELETE' ? req.query : (req.body ?? {});
  if (typeof rest !== 'object' || rest === null || Array.isArray(rest)) {
    throw new SluiceError('request.invalid', 'The body must be one JSON object.');
  }
  for (const name of Object.keys(req.params)) {
    if (Object.hasOwn(rest, name))
      throw new SluiceError('request.invalid', `${name} belongs in the path and nowhere else.`);
  }
  return { ...rest, ...req.params };
}
