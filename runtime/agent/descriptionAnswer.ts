import type { IncomingMessage } from 'node:http';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { type ApiRoute, openApi } from '#shared/openApi.ts';
import { route as caller } from '../connectors/trigger/routeCaller.ts';
import type { Reply } from './httpServer.ts';
import type { Route } from './servedRoutes.ts';

export type DescriptionDeps = {
  routes: readonly Route[];
  connections: Record<string, BoundConnection>;
  title: string;
};

const METHODS = ['GET', 'HEAD'];

/** Answers what the project's routes are, as an OpenAPI document. It says which header a key goes into, and no key. */
export function createDescriptionAnswer({ routes, connections, title }: DescriptionDeps) {
  const described = describedRoutes(routes, ({ connection }) =>
    connection === undefined ? undefined : connections[connection]?.secret,
  );
  const document = openApi(described, { title, base: '/api' });
  return async ({ method = 'GET' }: IncomingMessage): Promise<Reply> => {
    if (METHODS.includes(method)) return { status: 200, headers: { 'cache-control': 'no-cache' }, body: document };
    throw new SluiceError('hook.method_not_allowed', `/openapi.json takes GET, not ${method}.`, {
      details: { methods: METHODS },
    });
  };
}

/** Routes as they are described. `secretOf`: of the connection of a route, for the header that its key goes into. */
export function describedRoutes(routes: readonly Route[], secretOf: (route: Route) => unknown): ApiRoute[] {
  return routes.map((route) => {
    const { config, pattern, workflowName, slug, stepId } = route;
    const known = caller.connection.safeParse(secretOf(route) ?? {});
    const keyHeader = known.success ? known.data.header : 'X-API-Key';
    return { ...config, id: `${slug}_${stepId}`, workflow: workflowName, path: pattern.text, keyHeader };
  });
}
