import { createHash, createHmac } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import { v7 as newId } from 'uuid';
import {
  type FormReply,
  type FormRequest,
  mostFormBytes,
  refuseForm,
  showForm,
  takeForm,
} from '#runtime/connectors/trigger/answerForm.ts';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { SluiceError } from '#shared/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import { addressOf, placeOf } from './apiRouter.ts';
import { type ApiTargets, noApi } from './apiTargets.ts';
import { createDoor } from './door.ts';
import type { Inbox } from './inbox.ts';

export type FormRouterDeps = {
  targets: ApiTargets;
  inbox: Inbox;
  clock: Clock;
  isDraining: () => boolean;
  publicUrl: string;
  hookSecret(workspaceId: string): Uint8Array;
};

/** Where forms of workflows are shown and sent: `/v1/forms/:workspaceId/:environmentId/<path>`. */
export function formRouter(deps: FormRouterDeps, http: MountDeps): Router {
  const { targets, inbox, clock, isDraining, publicUrl, hookSecret } = deps;
  const router = Router();
  const door = createDoor(isDraining);

  async function handle(req: Request, res: Response): Promise<void> {
    door.check();
    const place = placeOf(req);
    const { workspaceId, environmentId } = place;
    const api = await targets.resolve(place);
    const { path } = addressOf(req, 4);
    const form = api.forms.get(path);
    if (!form) throw noApi();
    const target = api.targetOf(form);
    const base = `/v1/forms/${workspaceId}/${environmentId}`;
    const asked: FormRequest = {
      config: form.config,
      key: createHmac('sha256', hookSecret(workspaceId)).update('forms').digest(),
      place: `${environmentId}:${form.workflowId}:${form.stepId}`,
      path: `${base}/${path}`,
      base,
      owner: api.projectName,
      isSecure: publicUrl.startsWith('https:'),
      headers: req.headers,
      nowMs: clock.now().getTime(),
    };
    if (req.method !== 'POST') return send(res, showForm(asked));
    let rawBody: Buffer;
    try {
      rawBody = await readBody(req, mostFormBytes(form.config), tooLarge);
    } catch (thrown) {
      if (!(thrown instanceof SluiceError) || thrown.status !== 413) throw thrown;
      res.setHeader('Connection', 'close');
      return send(res, refuseForm(asked, thrown));
    }
    const reply = await takeForm(asked, rawBody, ({ id, json, files }) =>
      door.through(async () => {
        const kept = await inbox.keep(workspaceId, files);
        const runId = newId();
        const entry = {
          runId,
          deliveryId: id,
          bodyHash: createHash('sha256').update(rawBody).digest('hex'),
          trigger: 'form' as const,
          item: { json, ...(kept.binary ? { binary: kept.binary } : {}) },
          blobs: kept.blobs,
          answer: { status: 202, body: { runId } },
        };
        return inbox.take(target, entry, async () => (await targets.resolve(place, true)).targetOf(form));
      }),
    );
    send(res, reply);
  }

  const about = { path: '/v1/forms/:workspaceId/:environmentId/*path', access: 'token', rate: 'hook' } as const;
  rawRoute(router, { ...about, name: 'forms.show', method: 'GET' }, handle, http);
  rawRoute(router, { ...about, name: 'forms.send', method: 'POST' }, handle, http);
  return router;
}

function send(res: Response, { status, headers, body }: FormReply): void {
  res.status(status);
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (body === undefined) res.end();
  else res.send(body);
}

function tooLarge(maxBytes: number): SluiceError {
  return new SluiceError('hook.body_too_large', 'What was sent is too large. Please send less.', {
    details: { maxBytes },
  });
}
