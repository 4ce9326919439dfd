import { type Request, type Response, Router } from 'express';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { SluiceError } from '#shared/error.ts';
import { Uuid } from '#shared/ids.ts';
import { type Json, jsonDepth } from '#shared/json.ts';
import type { Database } from '../platform/database.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import { isResumeToken, resumeRun } from './resumeRun.ts';
import type { Signals } from './signals.ts';

export type ResumeRouterDeps = {
  database: Database;
  signals: Signals;
  hookSecret(workspaceId: string): Uint8Array;
};

const MOST_BYTES = 1_048_576;
const MOST_NESTED = 100;

/**
 * Where somebody outside answers a run that waits for a reply: `POST /v1/resume/:workspaceId/:runId/:token`. A wrong address
 * answers as one of a run that is gone.
 */
export function resumeRouter({ database, signals, hookSecret }: ResumeRouterDeps, http: MountDeps): Router {
  const router = Router();
  const gone = () => new SluiceError('run.not_found', 'Nothing waits at this address.');

  async function handle(req: Request, res: Response): Promise<void> {
    const { workspaceId = '', runId = '', token = '' } = req.params as Record<string, string>;
    if (!Uuid.safeParse(workspaceId).success || !Uuid.safeParse(runId).success) throw gone();
    if (!isResumeToken(hookSecret(workspaceId), runId, token)) throw gone();
    const bytes = await readBody(req, MOST_BYTES);
    const input = { method: req.method, query: { ...(req.query as Record<string, Json>) }, body: bodyOf(bytes) };
    await database.withWorkspaceSql({ workspaceId }, (sql) =>
      resumeRun(sql, { workspaceId, runId, by: 'reply', input }),
    );
    signals.publish({ kind: 'work', workspaceId });
    res.status(202).json({ runId });
  }

  const about = { name: 'runs.reply', method: 'POST', path: '/v1/resume/:workspaceId/:runId/:token' } as const;
  rawRoute(router, { ...about, access: 'token', rate: 'hook' }, handle, http);
  return router;
}

/** JSON where it is some, else its text. */
function bodyOf(bytes: Buffer): Json {
  const text = bytes.toString('utf8');
  if (text === '') return null;
  if (jsonDepth(text, MOST_NESTED) > MOST_NESTED) {
    throw new SluiceError('hook.body_invalid', `The body nests more than ${MOST_NESTED} levels deep.`);
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

export function resumeUrl(publicUrl: string, workspaceId: string, runId: string, token: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/v1/resume/${workspaceId}/${runId}/${token}`;
}
