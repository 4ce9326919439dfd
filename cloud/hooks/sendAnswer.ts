import type { Response } from 'express';
import { withCors } from '#runtime/agent/routeMatch.ts';
import type { Answer } from '#shared/run/events.ts';
import type { Blobs } from '../platform/blobs.ts';

/** What a workflow may not say for the whole of our address: other pages of it belong to us. */
const OURS =
  /^(?:connection|content-length|content-security-policy.*|clear-site-data|date|keep-alive|proxy-.*|service-worker-allowed|set-cookie|sluice-.*|strict-transport-security|te|trailer|transfer-encoding|upgrade|x-content-type-options|access-control-allow-credentials)$/i;

/** Sends what a workflow answers. `cors`: what its route says of pages of other origins. */
export async function sendAnswer(
  res: Response,
  { status, headers = {}, body, blob }: Answer,
  { blobs, workspaceId, cors = {} }: { blobs: Blobs; workspaceId: string; cors?: Record<string, string> },
): Promise<void> {
  if (res.destroyed) return;
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !OURS.test(name)));
  for (const [name, value] of Object.entries(withCors(own, cors))) setHeader(res, name, value);
  // A page that a workflow makes must not act as one of ours.
  res.setHeader('Content-Security-Policy', "sandbox; default-src 'none'; frame-ancestors 'none'");
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Cache-Control', headers['cache-control'] ?? headers['Cache-Control'] ?? 'no-store');
  // A status below 200 is no answer but an announcement of one.
  res.status(Math.max(200, status));
  const type = res.getHeader('content-type') !== undefined;
  if (blob !== undefined) {
    if (!type) res.type('application/octet-stream');
    res.send(await blobs.get(workspaceId, blob));
  } else if (body === undefined) res.end();
  else if (typeof body === 'string') {
    if (!type) res.type('text/plain');
    res.send(body);
  } else {
    if (!type) res.type('application/json');
    res.send(JSON.stringify(body));
  }
}

function setHeader(res: Response, name: string, value: string): void {
  try {
    res.setHeader(name, value);
  } catch {
    // Not a name or a value that HTTP has. The run is stored and done; its caller gets the rest of the answer.
  }
}
