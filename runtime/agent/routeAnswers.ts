import type { IncomingMessage } from 'node:http';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import type { Logger } from '#shared/log.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { callerSecrets, checkCaller } from '../connectors/trigger/checkCaller.ts';
import type { SentFile } from '../connectors/trigger/multipart.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import { mostBytes, readRouteRequest } from '../connectors/trigger/routeRequest.ts';
import { heldAnswer } from './heldAnswer.ts';
import { problemReply, type Reply } from './httpServer.ts';
import type { LocalControl } from './localControl.ts';
import { matchRoute, withCors } from './routeMatch.ts';
import type { Route, RouteMatch } from './servedRoutes.ts';
import type { Begin } from './servedTriggers.ts';

export type RouteAnswersDeps = {
  routes: readonly Route[];
  connections: Record<string, BoundConnection>;
  control: LocalControl;
  blobsDir: string;
  begin: Begin;
  log: Logger;
};

/** Answers what is asked of the project's routes, each at `/api/<path>`. */
export function createRouteAnswers({ routes, connections, control, blobsDir, begin, log }: RouteAnswersDeps) {
  async function run({ route, params }: RouteMatch, request: IncomingMessage, address: Address): Promise<Reply> {
    const { config } = route;
    const { headers, method = 'GET' } = request;
    const bound = route.connection === undefined ? undefined : connections[route.connection];
    const secrets = callerSecrets(route, bound?.secret);
    // Before the body: who is not let in makes us read nothing.
    const who = await checkCaller(config.auth, { secrets, headers, nowMs: Date.now() });
    const rawBody = config.method === 'GET' ? NOTHING : await readBody(request, mostBytes(config));
    const { json, files } = await readRouteRequest({
      config,
      check: route.check,
      method,
      path: `/api/${address.path}`,
      params,
      query: address.query,
      headers,
      rawBody,
      caller: who,
      keyHeader: secrets.header.toLowerCase(),
    });
    const item: Item = { json };
    if (files.length > 0) item.binary = await storeFiles(files, control.blobs);
    const isHeld = config.answer === 'respond';
    const { runId } = await begin(route, 'route', [item], undefined, isHeld);
    return isHeld ? await heldAnswer(control, blobsDir, runId) : { status: 202, body: { runId } };
  }

  return async (request: IncomingMessage, address: Address): Promise<Reply> => {
    const { method = 'GET', headers } = request;
    const { match, cors } = matchRoute(routes, {
      method,
      path: address.path,
      origin: headers.origin,
      wantedMethod: headers['access-control-request-method'],
      base: '/api',
    });
    if (!match) return { status: 204, headers: cors };
    // A page may read why it was refused, too.
    const reply = await run(match, request, address).catch((thrown: unknown) => problemReply(thrown, log));
    return { ...reply, headers: withCors(reply.headers ?? {}, cors) };
  };
}

type Address = { path: string; query: string };

const NOTHING = Buffer.alloc(0);

/** Files that were sent, by reference. */
export async function storeFiles(files: readonly SentFile[], blobs: LocalControl['blobs']) {
  const stored = await Promise.all(
    files.map(async ({ name, bytes, mime, fileName }) => {
      return [name, { blob: await blobs.put(bytes), bytes: bytes.length, mime, name: fileName }] as const;
    }),
  );
  return Object.fromEntries(stored);
}
