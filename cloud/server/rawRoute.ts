import type { Request, RequestHandler, Response, Router } from 'express';
import type { Actor, Caller } from './actor.ts';
import { meter } from './meter.ts';
import type { MountDeps } from './mount.ts';
import { sendProblem } from './problem.ts';
import type { Route } from './routes.ts';

/**
 * Adds a route that is no contract call: a webhook, a page, a blob, a health check. It is in the registry like the others,
 * has an access rule and a rate class, and what it throws becomes a problem document.
 *
 * @param before handlers that run first, such as a reader of the body
 */
export function rawRoute(
  router: Router,
  route: Route,
  handler: (req: Request, res: Response, asker: Caller | Actor) => Promise<void> | void,
  { routes, limits, authenticate, logger }: MountDeps,
  before: RequestHandler[] = [],
): void {
  routes.add(route);
  const handle: RequestHandler = async (req, res) => {
    res.locals.route = route.name;
    try {
      const asker = await authenticate(req, res, route.access);
      await meter(limits, route.rate, asker, res);
      await handler(req, res, asker);
    } catch (thrown) {
      sendProblem(res, thrown, String(res.locals.requestId), logger);
    }
  };
  router[route.method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete'](route.path, ...before, handle);
}
