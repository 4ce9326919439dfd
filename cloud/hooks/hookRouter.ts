import { type Request, type Response, Router } from 'express';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { SluiceError } from '#shared/error.ts';
import type { Answer } from '#shared/run/events.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import type { HookService } from './hookService.ts';
import type { HookTargets } from './hookTargets.ts';

export type HookRouterDeps = {
  targets: HookTargets;
  hooks: HookService;
  blobs: Blobs;
  isDraining: () => boolean;
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Deliveries that are being stored at once; above it senders come again. */
const MOST_AT_ONCE = 300;
/** What a workflow may not say for the whole of our address: other pages of it belong to us. */
const OURS =
  /^(?:connection|content-length|content-security-policy.*|clear-site-data|date|keep-alive|proxy-.*|service-worker-allowed|set-cookie|sluice-.*|strict-transport-security|te|trailer|transfer-encoding|upgrade|x-content-type-options|access-control-allow-credentials)$/i;

/** Where the world calls workflows: `/v1/hooks/:workspaceId/:workflowId/:key`. */
export function hookRouter({ targets, hooks, blobs, isDraining }: HookRouterDeps, http: MountDeps): Router {
  const router = Router();
  let storing = 0;

  async function handle(req: Request, res: Response): Promise<void> {
    if (isDraining() || storing >= MOST_AT_ONCE) {
      throw new SluiceError('hook.unavailable', 'The webhook cannot be taken right now.', {
        details: { retryAfterSeconds: isDraining() ? 5 : 1 },
        advice: 'Send it again in a moment.',
      });
    }
    const address = {
      workspaceId: String(req.params.workspaceId),
      workflowId: String(req.params.workflowId),
      key: String(req.params.key),
    };
    const hook = await targets.resolve(address);
    if (!(hook.config.methods as string[]).includes(req.method)) {
      res.setHeader('Allow', hook.config.methods.join(', '));
      throw new SluiceError('hook.method_not_allowed', `This webhook does not take ${req.method}.`, {
        details: { methods: hook.config.methods },
        advice: `Use ${hook.config.methods.join(' or ')}.`,
      });
    }
    const rawBody = await readBody(req, hook.config.maxBytes);
    const query = req.url.includes('?') ? req.url.slice(req.url.indexOf('?') + 1) : '';
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    storing++;
    const accepted = await hooks
      .accept(address, hook, { method: req.method, query, headers: req.headers, rawBody })
      .finally(() => storing--);
    const answer = await hooks.answer(hook.workspaceId, accepted, gone.signal);
    if (accepted.repeated) res.setHeader('Sluice-Repeated', 'true');
    await send(res, answer, hook.workspaceId);
  }

  async function send(res: Response, { status, headers = {}, body, blob }: Answer, workspaceId: string): Promise<void> {
    if (res.destroyed) return;
    for (const [name, value] of Object.entries(headers)) if (!OURS.test(name)) setHeader(res, name, value);
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

  for (const method of METHODS) {
    const path = '/v1/hooks/:workspaceId/:workflowId/:key';
    rawRoute(router, { name: 'hooks.receive', method, path, access: 'token', rate: 'hook' }, handle, http);
  }
  return router;
}
