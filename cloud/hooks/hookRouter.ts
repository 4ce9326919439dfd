import { type Request, type Response, Router } from 'express';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { SluiceError } from '#shared/error.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import type { HookService } from './hookService.ts';
import type { HookTargets } from './hookTargets.ts';
import type { Inbox } from './inbox.ts';
import { sendAnswer } from './sendAnswer.ts';

export type HookRouterDeps = {
  targets: HookTargets;
  hooks: HookService;
  inbox: Inbox;
  blobs: Blobs;
  isDraining: () => boolean;
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Deliveries that are being stored at once; above it senders come again. */
const MOST_AT_ONCE = 300;
/** Where the world calls workflows: `/v1/hooks/:workspaceId/:workflowId/:key`. */
export function hookRouter({ targets, hooks, inbox, blobs, isDraining }: HookRouterDeps, http: MountDeps): Router {
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
    const answer = await inbox.answer(hook.workspaceId, accepted, gone.signal);
    if (accepted.repeated) res.setHeader('Sluice-Repeated', 'true');
    await sendAnswer(res, answer, { blobs, workspaceId: hook.workspaceId });
  }

  for (const method of METHODS) {
    const path = '/v1/hooks/:workspaceId/:workflowId/:key';
    rawRoute(router, { name: 'hooks.receive', method, path, access: 'token', rate: 'hook' }, handle, http);
  }
  return router;
}
