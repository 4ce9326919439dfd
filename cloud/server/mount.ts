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
import { checkShape } from './bodyShape.ts';
import type { Calls } from './calls.ts';
import { asPrecondition, expectedOf, isKnown } from './conditions.ts';
import { checkDeprecation, deprecationHeaders } from './deprecation.ts';
import type { Idempotency } from './idempotency.ts';
import { meter } from './meter.ts';
import { sendProblem, unsupportedMedia } from './problem.ts';
import type { RateLimits } from './rateLimits.ts';
import type { Routes } from './routes.ts';
import { checkWholeText } from './wholeText.ts';

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
    checkDeprecation(`${name}.${verb}`, call);
    deps.routes.add({ name: `${name}.${verb}`, method, path, access: call.access, rate: call.rate });
    const answer = service[verb] as (input: unknown, asker: Caller | Actor) => unknown;
    deps.calls?.add(`${name}.${verb}`, { call, answer });
    const readBody = method === 'GET' || method === 'DELETE' ? undefined : bodyReader(bodyBytes[verb] ?? BODY_BYTES);
    const handle = answerCall(`${name}.${verb}`, { ...call, answer, readBody, secret: secret.includes(verb) }, deps);
    router[method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete'](path, handle);
  }
  return router;
}

type Mounted = HttpCall & {
  answer: (input: unknown, asker: Caller | Actor) => unknown;
  readBody: ((req: Request, res: Response) => Promise<void>) | undefined;
  secret: boolean;
};

function answerCall(name: string, call: Mounted, deps: MountDeps): RequestHandler {
  return async (req, res) => {
    res.locals.route = name;
    // Before anything can be refused: who is refused should know as well.
    for (const [header, value] of Object.entries(deprecationHeaders(call))) res.setHeader(header, value);
    try {
      const asker = await deps.authenticate(req, res, call.access);
      await meter(deps.limits, call.rate, asker, res);
      if (!req.accepts('application/json')) {
        throw new SluiceError('request.not_acceptable', 'This call answers JSON, which the request does not take.', {
          advice: 'Send Accept: application/json, or no such header.',
        });
      }
      // Only now: who may not ask is not read.
      await call.readBody?.(req, res);
      const said = inputOf(req, call.readBody === undefined);
      checkWholeText(said);
      const input = parse(call.input, { ...said, ...expectedOf(req, call, said) }, 'The request');
      const work = async () =>
        parse(call.output, await call.answer(input, asker), `The answer of ${name}`, 'internal') as Json;
      const body = await answerOnce(req, { name, input: input as Json, asker, secret: call.secret }, work, deps);
      send(req, res, body);
    } catch (thrown) {
      sendProblem(res, asPrecondition(req, thrown), String(res.locals.requestId), deps.logger);
    }
  };
}

/** A POST with an Idempotency-Key of somebody who is signed in does its work once. */
async function answerOnce(
  req: Request,
  { name, input, asker, secret }: { name: string; input: Json; asker: Caller | Actor; secret: boolean },
  work: () => Promise<Json>,
  deps: MountDeps,
): Promise<Json> {
  const key = req.method === 'POST' ? req.get('idempotency-key') : undefined;
  const userId = 'userId' in asker ? asker.userId : asker.session?.userId;
  if (key === undefined || userId === undefined) return work();
  const route = `${name} ${'workspaceId' in asker ? asker.workspaceId : ''}`;
  return once(deps.idempotency, { userId, key, route, input }, work, secret);
}

/** Reads a JSON body of at most so many bytes. @throws SluiceError request.media_unsupported, and what the reader throws */
function bodyReader(limit: number): (req: Request, res: Response) => Promise<void> {
  const read = express.json({ limit, verify: (_req, _res, bytes) => checkShape(bytes) });
  return async (req, res) => {
    // Without this a body of another kind would be left out, and the first field be called missing.
    if (req.is('application/json') === false && req.headers['content-length'] !== '0') throw unsupportedMedia();
    // The reader knows other encodings of Unicode too, in which a quote is not the byte that we look for.
    const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(req.get('content-type') ?? '')?.[1];
    if (charset !== undefined && charset.toLowerCase() !== 'utf-8') throw unsupportedMedia();
    await new Promise<void>((done, fail) => {
      read(req, res, (thrown?: unknown) => (thrown === undefined ? done() : fail(thrown)));
    });
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

function send(req: Request, res: Response, body: Json): void {
  res.setHeader('Cache-Control', 'no-store');
  if (isKnown(req, res, body)) {
    res.status(304).end();
    return;
  }
  res.status(200).type('application/json').send(JSON.stringify(body));
}

/**
 * Path names, and the query or the body. The same name twice is refused, so that nobody can say two things at once, and so
 * is what stands where this call does not look.
 */
function inputOf(req: Request, byQuery: boolean): Record<string, unknown> {
  if (byQuery) ensureNoBody(req);
  else if (Object.keys(req.query).length > 0) {
    const [name = ''] = Object.keys(req.query);
    throw new SluiceError(
      'request.invalid',
      `This call takes nothing in the query, where ${JSON.stringify(name)} is.`,
      {
        advice: 'Send it as a field of the body, if it is one.',
        details: { issues: [{ path: name, message: 'it stands in the query' }] },
      },
    );
  }
  const rest: unknown = byQuery ? req.query : (req.body ?? {});
  if (typeof rest !== 'object' || rest === null || Array.isArray(rest)) {
    throw new SluiceError('request.invalid', 'The body must be one JSON object.');
  }
  for (const name of Object.keys(req.params)) {
    if (Object.hasOwn(rest, name))
      throw new SluiceError('request.invalid', `${name} belongs in the path and nowhere else.`);
  }
  return { ...rest, ...req.params };
}

function ensureNoBody(req: Request): void {
  const announced = req.headers['content-length'] ?? '0';
  if (announced === '0' && req.headers['transfer-encoding'] === undefined) return;
  throw new SluiceError('request.invalid', `A ${req.method} takes no body, and this one has one.`, {
    advice: 'Say what you want in the query.',
  });
}
