import { createHash } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import { v7 as newId } from 'uuid';
import { describedRoutes } from '#runtime/agent/descriptionAnswer.ts';
import { matchRoute } from '#runtime/agent/routeMatch.ts';
import type { Route, RouteMatch } from '#runtime/agent/servedRoutes.ts';
import { callerSecrets, checkCaller } from '#runtime/connectors/trigger/checkCaller.ts';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { mostBytes, readRouteRequest } from '#runtime/connectors/trigger/routeRequest.ts';
import { openApi } from '#shared/openApi.ts';
import type { Answer } from '#shared/run/events.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { Clock } from '../platform/clock.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import type { ApiPlace, ApiTargets, ResolvedApi } from './apiTargets.ts';
import { createDoor } from './door.ts';
import type { Inbox } from './inbox.ts';
import { sendAnswer } from './sendAnswer.ts';

export type ApiRouterDeps = {
  targets: ApiTargets;
  inbox: Inbox;
  blobs: Blobs;
  clock: Clock;
  isDraining: () => boolean;
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const PATH = '/v1/api/:workspaceId/:environmentId';
const NOTHING = Buffer.alloc(0);

/** Where the world calls the routes of workflows: `/v1/api/:workspaceId/:environmentId/<path>`. */
export function apiRouter({ targets, inbox, blobs, clock, isDraining }: ApiRouterDeps, http: MountDeps): Router {
  const router = Router();
  const door = createDoor(isDraining);

  async function handle(req: Request, res: Response): Promise<void> {
    door.check();
    const place = placeOf(req);
    const api = await targets.resolve(place);
    const { path, query } = addressOf(req, 4);
    const { match, cors } = matchRoute(api.routes, {
      method: req.method,
      path,
      origin: req.headers.origin,
      wantedMethod: req.headers['access-control-request-method'],
      base: '',
    });
    // A page may read why it was refused, too.
    for (const [name, value] of Object.entries(cors)) res.setHeader(name, value);
    if (!match) {
      res.status(204).end();
      return;
    }
    const { workspaceId } = place;
    const item = await read(api, match, req, { path, query });
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    const accepted = await door.through(() => take(place, api, match.route, item));
    const answer = await inbox.answer(workspaceId, accepted, gone.signal);
    await sendAnswer(res, answer, { blobs, workspaceId, cors });
  }

  /** What a run begins with: who calls and whether the request fits is settled here. */
  async function read(api: ResolvedApi, match: RouteMatch, req: Request, address: { path: string; query: string }) {
    const { route, params } = match;
    const { config, check, connection } = route;
    const secret = connection === undefined ? undefined : (await api.secretOf(connection))?.reveal();
    const secrets = callerSecrets(route, secret);
    const { headers, method } = req;
    const caller = await checkCaller(config.auth, { secrets, headers, nowMs: clock.now().getTime() });
    const rawBody = config.method === 'GET' ? NOTHING : await readBody(req, mostBytes(config));
    const keyHeader = secrets.header.toLowerCase();
    const { path, query } = address;
    const request = { config, check, method, path: `/api/${path}`, params, query, headers, rawBody, caller, keyHeader };
    return { ...(await readRouteRequest(request)), rawBody };
  }

  async function take(place: ApiPlace, api: ResolvedApi, route: Route, given: Awaited<ReturnType<typeof read>>) {
    const { json, files, rawBody } = given;
    const kept = await inbox.keep(place.workspaceId, files);
    const runId = newId();
    const answer: Answer | undefined = route.config.answer === 'at_once' ? { status: 202, body: { runId } } : undefined;
    const entry = {
      runId,
      deliveryId: runId,
      bodyHash: createHash('sha256').update(rawBody).digest('hex'),
      trigger: 'route' as const,
      item: { json, ...(kept.binary ? { binary: kept.binary } : {}) },
      blobs: kept.blobs,
      answer,
    };
    const again = async () => (await targets.resolve(place, true)).targetOf(route);
    return inbox.take(api.targetOf(route), entry, again);
  }

  async function describe(req: Request, res: Response): Promise<void> {
    const place = placeOf(req);
    const api = await targets.resolve(place);
    const headerOf = async ({ config, connection }: Route) => {
      if (config.auth !== 'api_key' || connection === undefined) return undefined;
      return (await api.secretOf(connection))?.reveal();
    };
    const secrets = new Map<Route, unknown>();
    for (const route of api.routes) secrets.set(route, await headerOf(route));
    const described = describedRoutes(api.routes, (route) => secrets.get(route));
    const base = `/v1/api/${place.workspaceId}/${place.environmentId}`;
    res.setHeader('Cache-Control', 'no-cache');
    res.json(openApi(described, { title: api.projectName, base }));
  }

  for (const method of METHODS) {
    const about = { name: 'api.call', method, path: `${PATH}/*path`, access: 'token', rate: 'hook' } as const;
    rawRoute(router, about, handle, http);
  }
  const path = '/v1/openapi/:workspaceId/:environmentId';
  rawRoute(router, { name: 'api.describe', method: 'GET', path, access: 'token', rate: 'hook' }, describe, http);
  return router;
}

/** The place that an address names. */
export function placeOf({ params }: Request): ApiPlace {
  return { workspaceId: String(params.workspaceId), environmentId: String(params.environmentId) };
}

/** What stands behind so many parts of a path, and the query, both as they came. */
export function addressOf({ originalUrl }: Request, parts: number): { path: string; query: string } {
  const cut = originalUrl.indexOf('?');
  const path = cut < 0 ? originalUrl : originalUrl.slice(0, cut);
  const query = cut < 0 ? '' : originalUrl.slice(cut + 1);
  return {
    path: path
      .split('/')
      .slice(parts + 1)
      .join('/'),
    query,
  };
}
