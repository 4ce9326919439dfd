import express, { type Express, type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { allowOrigins } from './cors.ts';
import { isOpenedByPerson, sendNotFoundPage } from './notFoundPage.ts';
import { problemHandler, requestIdOf, sendProblem } from './problem.ts';
import { type RateLimits, rateHeaders } from './rateLimits.ts';
import { methodsAt, type Routes } from './routes.ts';

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
  /** Whose pages may use the API from a browser. */
  corsOrigins?: readonly string[];
  /** People open its addresses in a browser: where there is nothing, they get a page that says so. */
  hasPages?: boolean;
  isDraining: () => boolean;
};

const SLOW_MS = 3_000;

/** An Express app of registered routes. No other origin may read its answers but those that are listed. */
export function createApp(deps: AppDeps): Express {
  const { routers, routes, limits, logger } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', deps.trustProxy);
  app.use(
    identify(deps),
    securityHeaders(deps.https),
    allowOrigins(deps.corsOrigins ?? []),
    meterAddress(limits, deps),
    answerOptions(app),
  );
  for (const router of routers) app.use(router);
  app.use((req, res) => {
    const methods = methodsAt(app, req.path);
    if (deps.hasPages && methods.length === 0 && isOpenedByPerson(req)) return sendNotFoundPage(res);
    const error =
      methods.length > 0
        ? new SluiceError('request.method_not_allowed', `This address takes no ${req.method}.`, {
            advice: `Use ${methods.join(' or ')}.`,
            details: { methods },
          })
        : new SluiceError('request.not_found', `There is nothing at ${req.method} on this address.`, {
            advice: 'Compare the address with /v1/openapi.json, which lists them all.',
          });
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

/** Says which methods an address takes, where it is not a route itself that is asked. */
function answerOptions(app: Express): RequestHandler {
  return (req, res, next) => {
    if (req.method !== 'OPTIONS') return next();
    const methods = methodsAt(app, req.path);
    if (methods.length === 0 || methods.includes('OPTIONS')) return next();
    res.setHeader('Allow', [...methods, 'OPTIONS'].join(', '));
    res.status(204).end();
  };
}

function meterAddress(limits: RateLimits, { unmetered, logger }: AppDeps): RequestHandler {
  return async (req, res, next) => {
    try {
      if (!unmetered.some((prefix) => req.path.startsWith(prefix))) {
        const state = await limits.take('address', req.ip ?? '');
        res.locals.countedAddress = true;
        for (const [name, value] of Object.entries(rateHeaders(state))) res.setHeader(name, value);
      }
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
