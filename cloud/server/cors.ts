import type { RequestHandler } from 'express';

/** What a page of another origin may send, and what it may read of an answer. Cookies are never among it. */
const TAKES = 'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Sluice-Workspace';
const SHOWS = 'Deprecation, ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Sluice-Request, Sunset';
const REMEMBER_SECONDS = 600;

/**
 * Lets pages of these origins, and of no other, use the API with a token of their own. Cookies do not count for them.
 *
 * @param origins as a browser sends them, such as `https://tools.example.com`
 */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const allowed = new Set(origins);
  return (req, res, next) => {
    if (allowed.size > 0) res.vary('Origin');
    const origin = req.get('origin');
    if (origin === undefined || !allowed.has(origin) || !req.path.startsWith('/v1/')) return next();
    res.setHeader('Access-Control-Allow-Origin', origin);
    if (req.method !== 'OPTIONS' || req.get('access-control-request-method') === undefined) {
      res.setHeader('Access-Control-Expose-Headers', SHOWS);
      return next();
    }
    res.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT, PATCH, DELETE');
    res.setHeader('Access-Control-Allow-Headers', TAKES);
    res.setHeader('Access-Control-Max-Age', String(REMEMBER_SECONDS));
    res.status(204).end();
  };
}
