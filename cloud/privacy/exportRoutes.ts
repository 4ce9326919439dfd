import { once } from 'node:events';
import { type Response, Router } from 'express';
import { z } from 'zod';
import { parse } from '#shared/parse.ts';
import { recordAccountEvent } from '../accounts/accountStore.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Actor, Caller, SignedIn } from '../server/actor.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import { placesOf } from './erasureStore.ts';
import { personRows, type Runner, workspaceRows } from './exportStore.ts';

export type ExportDeps = { db: Database; blobs: Blobs; clock: Clock };

const Nothing = z.strictObject({});
/** What a reader may rely on; raised when a line changes its form. */
const FORMAT = 1;

export type Exports = ReturnType<typeof createExports>;

/** Everything of a workspace, and everything about a person, as lines of JSON that are sent while they are read. */
export function createExports({ db, blobs, clock }: ExportDeps) {
  return {
    /** @param actor somebody with `data:export` */
    async workspace(res: Response, actor: Actor): Promise<void> {
      const { workspaceId } = actor;
      const run: Runner = (work) => db.withExport({ workspaceId }, work);
      await db.withWorkspaceSql(actor, (sql) =>
        recordAudit(sql, actor, { action: 'data.export', resource: 'workspace', resourceId: workspaceId }),
      );
      const line = begin(res, `workspace-${workspaceId}`);
      await line({ format: FORMAT, kind: 'workspace', id: workspaceId, at: clock.now().toISOString() });
      let rows = 0;
      for await (const { table, text } of workspaceRows(run, workspaceId)) {
        await line(text, table);
        rows++;
        if (table !== 'blob') continue;
        const { sha256 } = JSON.parse(text) as { sha256: string };
        const bytes = await blobs.get(workspaceId, sha256).catch(() => undefined);
        if (bytes) await line({ file: sha256, base64: bytes.toString('base64') });
      }
      await line({ end: true, rows });
      res.end();
    },

    async person(res: Response, { session, ip, userAgent }: Caller & { session: SignedIn }): Promise<void> {
      const { userId: id, email, name } = session;
      await db.withUser(id, (tx) => recordAccountEvent(tx, id, { action: 'data.export', ip, userAgent }, clock.now()));
      const line = begin(res, 'account');
      await line({ format: FORMAT, kind: 'person', id, at: clock.now().toISOString() });
      let rows = 0;
      const who = { id, email, name };
      for await (const { table, text } of personRows((work) => db.withExport({ userId: id }, work), who, 'own')) {
        await line(text, table);
        rows++;
      }
      // Also of workspaces that the person left: what they did there is theirs to know.
      for (const place of await placesOf(db, id)) {
        const run: Runner = (work) => db.withExport({ workspaceId: place.workspaceId }, work);
        for await (const { table, text } of personRows(run, who, 'workspace')) {
          await line(text, table);
          rows++;
        }
      }
      await line({ end: true, rows });
      res.end();
    },
  };
}

/** Both of them for programs. */
export function exportRouter(exports: Exports, http: MountDeps): Router {
  const router = Router();
  rawRoute(
    router,
    {
      name: 'workspaces.export',
      method: 'GET',
      path: '/v1/workspaces/current/export',
      access: 'data:export',
      rate: 'write',
    },
    (req, res, asker) => {
      parse(Nothing, req.query, 'The request');
      return exports.workspace(res, asker as Actor);
    },
    http,
  );
  rawRoute(
    router,
    { name: 'account.export', method: 'GET', path: '/v1/account/export', access: 'session', rate: 'write' },
    (req, res, asker) => {
      parse(Nothing, req.query, 'The request');
      return exports.person(res, asker as Caller & { session: SignedIn });
    },
    http,
  );
  return router;
}

/** @returns what writes a line, waiting while the reader is slower than we are. A row is text of JSON already. */
function begin(res: Response, name: string): (what: object | string, table?: string) => Promise<void> {
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Disposition', `attachment; filename="${name}.ndjson"`);
  res.type('application/x-ndjson');
  return async (what, table) => {
    if (res.closed) throw new Error('The reader of an export went away.');
    const text = typeof what === 'string' ? `{"table":${JSON.stringify(table)},"row":${what}}` : JSON.stringify(what);
    if (!res.write(`${text}\n`)) await Promise.race([once(res, 'drain'), once(res, 'close')]);
  };
}
