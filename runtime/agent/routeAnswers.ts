import type { IncomingMessage } from 'node:http';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { parse } from '#shared/parse.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { checkCaller } from '../connectors/trigger/checkCaller.ts';
import { corsHeaders, preflightHeaders } from '../connectors/trigger/cors.ts';
import type { SentFile } from '../connectors/trigger/multipart.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import { route as caller, type RouteSecrets } from '../connectors/trigger/routeCaller.ts';
import { mostBytes, readRouteRequest } from '../connectors/trigger/routeRequest.ts';
import { heldAnswer } from './heldAnswer.ts';
import { problemReply, type Reply } from './httpServer.ts';
import type { LocalControl } from './localControl.ts';
import { methodsOf, type Route, type RouteMatch, routesAt } from './servedRoutes.ts';
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
    const secrets = secretsOf(route, connections);
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
    const { method = 'GET' } = request;
    const { origin } = request.headers;
    const found = routesAt(routes, address.path);
    if (found.size === 0) {
      throw new SluiceError('hook.not_found', `No route listens at /api/${address.path.slice(0, 500)}.`, {
        advice: 'The routes there are stand in /openapi.json.',
      });
    }
    const methods = methodsOf(found);
    if (method === 'OPTIONS') return asked(found, methods, request);
    const match = found.get(method);
    if (!match) {
      const named = `/api/${address.path.slice(0, 500)}`;
      throw new SluiceError('hook.method_not_allowed', `${named} takes ${methods.join(', ')}, not ${method}.`, {
        details: { methods },
        advice: `Call it with ${methods.join(' or ')}.`,
      });
    }
    const shared = corsHeaders(match.route.config.cors, origin);
    // A page may read why it was refused, too.
    const reply = await run(match, request, address).catch((thrown: unknown) => problemReply(thrown, log));
    return { ...reply, headers: withShared(reply.headers, shared) };
  };
}

type Address = { path: string; query: string };

const NOTHING = Buffer.alloc(0);

/** Who may call from where is the route's to say: what a workflow says of it counts only where the route says nothing. */
function withShared(own: Record<string, string> = {}, shared: Record<string, string>): Record<string, string> {
  if (Object.keys(shared).length === 0) return own;
  const kept = Object.entries(own).filter(([name]) => !/^(?:access-control-.*|vary)$/i.test(name));
  const vary = Object.entries(own).find(([name]) => /^vary$/i.test(name))?.[1];
  const both = [vary, shared.vary].filter((one) => one !== undefined).join(', ');
  return { ...Object.fromEntries(kept), ...shared, ...(both === '' ? {} : { vary: both }) };
}

/** `OPTIONS`: a browser that asks before it calls, or somebody who wants to know the methods. Nothing is run. */
function asked(found: ReadonlyMap<string, RouteMatch>, methods: string[], { headers }: IncomingMessage): Reply {
  const allow = { allow: methods.join(', ') };
  const wanted = headers['access-control-request-method'];
  const cors = wanted === undefined ? undefined : found.get(wanted)?.route.config.cors;
  if (!cors || headers.origin === undefined) return { status: 204, headers: allow };
  const callable = methods.filter((method) => found.get(method)?.route.config.cors === cors);
  return { status: 204, headers: { ...allow, ...preflightHeaders(cors, headers.origin, callable) } };
}

/** @throws SluiceError hook.unavailable */
function secretsOf({ config, connection, stepId }: Route, connections: Record<string, BoundConnection>): RouteSecrets {
  if (config.auth === 'none') return parse(caller.connection, {}, 'The connection');
  const bound = connection === undefined ? undefined : connections[connection];
  const parsed = caller.connection.safeParse(bound?.secret);
  if (bound && parsed.success) return parsed.data;
  const what = connection === undefined ? 'it names no connection' : `its connection ${connection} is not set up here`;
  throw new SluiceError('hook.unavailable', `The route ${stepId} cannot check its callers: ${what}.`, {
    advice: 'Choose a connection of the kind route, and set it up for this computer.',
  });
}

/** Files that were sent, by reference. */
export async function storeFiles(files: readonly SentFile[], blobs: LocalControl['blobs']) {
  const stored = await Promise.all(
    files.map(async ({ name, bytes, mime, fileName }) => {
      return [name, { blob: await blobs.put(bytes), bytes: bytes.length, mime, name: fileName }] as const;
    }),
  );
  return Object.fromEntries(stored);
}
