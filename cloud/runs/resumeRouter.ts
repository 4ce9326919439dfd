import { type Request, type Response, Router } from 'express';
import { hookItem } from '#runtime/connectors/trigger/hookItem.ts';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { SluiceError } from '#shared/error.ts';
import { Uuid } from '#shared/ids.ts';
import type { Json } from '#shared/json.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { document } from '../accounts/pages/views.ts';
import type { Database } from '../platform/database.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import type { Ringer } from './dispatch.ts';
import { readOpenWaits } from './journalStore.ts';
import { answeredPage, answerPage, nothingPage } from './resumePages.ts';
import { isResumeToken, resumeRun } from './resumeRun.ts';
import { findRunPlace } from './runStore.ts';

export type ResumeRouterDeps = {
  database: Database;
  ring: Ringer;
  hookSecret(workspaceId: string): Uint8Array;
};

const PATH = '/v1/resume/:workspaceId/:runId/:token';
const MOST_BYTES = 1_048_576;
/** What proves who somebody is stays out of journals. */
const SECRET_HEADERS = ['authorization', 'cookie', 'proxy-authorization', 'x-api-key', 'x-auth-token'];

/**
 * Where somebody outside answers a run that waits for a reply. Only POST answers: a link in a letter is opened by machines
 * that look for harm, so GET shows a page with a button. A wrong address answers as one of a run that is gone.
 */
export function resumeRouter({ database, ring, hookSecret }: ResumeRouterDeps, http: MountDeps): Router {
  const router = Router();

  /** @throws SluiceError run.not_found */
  function placeOf(req: Request): { workspaceId: string; runId: string } {
    const { workspaceId = '', runId = '', token = '' } = req.params as Record<string, string>;
    const known = Uuid.safeParse(workspaceId).success && Uuid.safeParse(runId).success;
    if (known && isResumeToken(hookSecret(workspaceId), runId, token)) return { workspaceId, runId };
    throw nothing();
  }

  async function show(req: Request, res: Response): Promise<void> {
    const { workspaceId, runId } = placeOf(req);
    const waits = await database.withWorkspaceSql({ workspaceId }, async (sql) => {
      const run = await findRunPlace(sql, workspaceId, runId);
      if (!run) throw nothing();
      return hasEnded(run.status) ? [] : readOpenWaits(sql, workspaceId, runId);
    });
    const wait = waits.find(({ reason }) => reason === 'webhook_reply');
    const message = wait?.details?.message;
    const page = wait ? answerPage(typeof message === 'string' ? message : undefined) : nothingPage();
    sendPage(res, document(page));
  }

  async function answer(req: Request, res: Response): Promise<void> {
    const { workspaceId, runId } = placeOf(req);
    const input = replyOf(req, await readBody(req, MOST_BYTES));
    const resumed = await database.withWorkspaceSql({ workspaceId }, (sql) =>
      resumeRun(sql, { workspaceId, runId, by: 'webhook', input }),
    );
    ring({ workspaceId, runId, ...resumed });
    res.status(202);
    if (req.accepts(['json', 'html']) === 'html') sendPage(res, document(answeredPage()));
    else res.json({ runId });
  }

  const about = { path: PATH, access: 'token', rate: 'hook' } as const;
  rawRoute(router, { ...about, name: 'runs.showReply', method: 'GET' }, show, http);
  rawRoute(router, { ...about, name: 'runs.reply', method: 'POST' }, answer, http);
  return router;
}

const nothing = () => new SluiceError('run.not_found', 'There is no such run in this workspace.');

/** The address is a secret of the run: nobody is told of it, and no copy is kept. */
function sendPage(res: Response, page: string): void {
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.type('html').send(page);
}

/** @throws SluiceError hook.body_invalid */
function replyOf(req: Request, rawBody: Buffer): Json {
  const query = req.url.includes('?') ? req.url.slice(req.url.indexOf('?') + 1) : '';
  const { method, headers } = req;
  const { json, binary } = hookItem({ method, path: '', query, headers, rawBody, hide: SECRET_HEADERS });
  if (binary) {
    throw new SluiceError('hook.body_invalid', `A reply of the type ${binary.mime} is not taken.`, {
      advice: 'Send JSON, a form or text.',
    });
  }
  return {
    method: json.method ?? method,
    query: json.query ?? {},
    headers: json.headers ?? {},
    body: json.body ?? null,
  };
}

export function resumeUrl(publicUrl: string, workspaceId: string, runId: string, token: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/v1/resume/${workspaceId}/${runId}/${token}`;
}
