import express, { type Express, type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { problemHandler, requestIdOf, sendProblem } from './problem.ts';
import type { RateLimits } from './rateLimits.ts';
import type { Routes } from './routes.ts';

export type AppDeps = {
  routers: Router[];
  routes: Routes;
  limits: RateLimits;
  logger: Logger;
  metrics: Metrics;
  trustProxy: number;
  https: boolean;
  /** Requests whose path begins so have quotas of their own in place of the one per address. */
  unmetered: string[];
  isDraining: () => boolean;
};

const SLOW_MS = 3_000;

/** An Express app of registered routes. No other origin may read its answers: it sends no CORS headers at all. */
export function createApp(deps: AppDeps): Express {
  const { routers, routes, limits, logger } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', deps.trustProxy);
  app.use(identify(deps), securityHeaders(deps.https), meterAddress(limits, deps));
  for (const router of routers) app.use(router);
  app.use((req, res) => {
    const error = new SluiceError('request.not_found', `There is nothing at ${req.method} on this address.`);
    sendProblem(res, error, requestIdOf(res), logger);
  });
  app.use(problemHandler(logger));
  routes.checkAll(app);
  return app;
}

/** Gives the request its id, and writes its one line when it is over. */
function identify({ logger, metrics, isDraining }: AppDeps): RequestHandler {
  const seconds = metrics.histogram('sluice_http_request_seconds', 'How long requests took.', ['route', 'status']);
  return (req, res, next) => {
    const requestId = uuidv7();
    const started = performance.now();
    res.locals.requestId = requestId;
    res.setHeader('Sluice-Request', requestId);
    if (isDraining()) res.setHeader('Connection', 'close');
    res.once('close', () => {
      const durationMs = Math.round(performance.now() - started);
      // The route's name, never the path: a path may hold a webhook's key.
      const route = typeof res.locals.route === 'string' ? res.locals.route : 'unknown';
      const status = res.writableFinished ? res.statusCode : 499;
      seconds.observe({ route, status }, durationMs / 1_000);
      const fields = {
        requestId,
        method: req.method,
        route,
        status,
        durationMs,
        userId: res.locals.userId,
        workspaceId: res.locals.workspaceId,
      };
      if (status >= 500) logger.warn('request', fields);
      else if (durationMs > SLOW_MS && !route.startsWith('agent.')) logger.warn('slow request', fields);
      else logger.info('request', fields);
    });
    next();
  };
}

function meterAddress(limits: RateLimits, { unmetered, logger }: AppDeps): RequestHandler {
  return async (req, res, next) => {
    try {
      if (!unmetered.some((prefix) => req.path.startsWith(prefix))) await limits.take('address', req.ip ?? '');
    } catch (thrown) {
      sendProblem(res, thrown, requestIdOf(res), logger);
      return;
    }
    next();
  };
}

function securityHeaders(https: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        fontSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        // A browser also applies this to where the answer of a form sends it: the desktop listens on loopback.
        formAction: ["'self'", 'http://127.0.0.1:*'],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    strictTransportSecurity: https ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  });
}
