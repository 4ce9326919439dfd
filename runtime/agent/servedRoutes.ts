import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { byPrecision, type PathPattern, pathPattern, shapeOf } from '../connectors/trigger/pathPattern.ts';
import { RouteConfig } from '../connectors/trigger/routeConfig.ts';
import { compileRouteInput, type RouteCheck } from '../connectors/trigger/routeInput.ts';
import { triggersOf } from './servedTriggers.ts';

/** A route of a project, with what a request to it is checked by. */
export type Route = {
  workflowId: string;
  workflowName: string;
  slug: string;
  stepId: string;
  config: RouteConfig;
  pattern: PathPattern;
  check: RouteCheck;
  connection: string | undefined;
};
export type RouteMatch = { route: Route; params: Record<string, string> };

/**
 * The enabled routes of a project, those that are written out before those with parameters.
 *
 * @throws SluiceError config.invalid, also where two have the same method and path
 */
export async function routesOf(tree: Tree): Promise<Route[]> {
  const routes = await Promise.all(
    triggersOf(tree, 'trigger.route').map(async ({ workflowId, workflowName, slug, stepId, step }): Promise<Route> => {
      const config = parse(RouteConfig, step.config, `The route ${stepId} of ${workflowName}`, 'config.invalid');
      const pattern = pathPattern(config.path);
      const check = await compileRouteInput(config);
      return { workflowId, workflowName, slug, stepId, config, pattern, check, connection: step.connection };
    }),
  );
  const seen = new Map<string, Route>();
  for (const route of routes) {
    const key = `${route.config.method} ${shapeOf(route.pattern)}`;
    const other = seen.get(key);
    if (other) throw twice(route, other);
    seen.set(key, route);
  }
  return routes.sort((one, other) => byPrecision(one.pattern, other.pattern));
}

/** The routes at a path, one for each method; HEAD is what GET answers. */
export function routesAt(routes: readonly Route[], path: string): Map<string, RouteMatch> {
  const found = new Map<string, RouteMatch>();
  for (const route of routes) {
    const params = route.pattern.match(path);
    if (params && !found.has(route.config.method)) found.set(route.config.method, { route, params });
  }
  const get = found.get('GET');
  if (get) found.set('HEAD', get);
  return found;
}

/** Methods for `Allow`, in a fixed order. */
export function methodsOf(found: ReadonlyMap<string, RouteMatch>): string[] {
  return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => found.has(method)).concat('OPTIONS');
}

function twice(route: Route, other: Route): SluiceError {
  const { method, path } = route.config;
  return new SluiceError(
    'config.invalid',
    `Two routes listen to ${method} /api/${route.pattern.text}: ${other.stepId} of ${other.workflowName} and ${route.stepId} of ${route.workflowName}.`,
    { advice: 'Give one of them another path or method.', details: { method, path } },
  );
}
