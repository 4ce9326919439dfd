import { type Request, type Response, Router } from 'express';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { SluiceError } from '#shared/error.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import { createDoor } from './door.ts';
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
/** Where the world calls workflows: `/v1/hooks/:workspaceId/:workflowId/:key`. */
export function hookRouter({ targets, hooks, inbox, blobs, isDraining }: HookRouterDeps, http: MountDeps): Router {
  const router = Router();
  const door = createDoor(isDraining);

  async function handle(req: Request, res: Response): Promise<void> {
    door.check();
    const address = {
      workspaceId: String(req.params.workspaceId),
      workflowId: String(req.params.workflowId),
      key: String(req.params.key),
    };
    const hook = await targets.resolve(address);
    if (!(hook.config.methods as string[]).includes(req.method)) {
      throw new SluiceError('hook.method_not_allowed', `This webhook does not take ${req.method}.`, {
        details: { methods: hook.config.methods },
        advice: `Use ${hook.config.methods.join(' or ')}.`,
      });
    }
    const rawBody = await readBody(req, hook.config.maxBytes);
    const query = req.url.includes('?') ? req.url.slice(req.url.indexOf('?') + 1) : '';
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    const accepted = await door.through(() =>
      hooks.accept(address, hook, { method: req.method, query, headers: req.headers, rawBody }),
    );
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
