import { once } from 'node:events';
import { stringify } from 'csv-stringify/sync';
import type { Response, Router } from 'express';
import { z } from 'zod';
import { AuditEntry, AuditQuery } from '#shared/contract/cloud/audit.ts';
import { parse } from '#shared/parse.ts';
import type { Database } from '../platform/database.ts';
import type { Actor } from '../server/actor.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import { toEntry } from './auditEntry.ts';
import { type AuditFilter, listEntries } from './auditStore.ts';
import { recordAudit } from './recordAudit.ts';

const Query = z.strictObject({ ...AuditQuery, format: z.enum(['ndjson', 'csv']).default('ndjson') });
const COLUMNS = Object.keys(AuditEntry.shape) as (keyof AuditEntry)[];
const BATCH = 500;

type ExportDeps = { db: Database; filterOf(actor: Actor, query: z.infer<typeof Query>): Promise<AuditFilter> };

/** The log as a file, newest first, read and sent piece by piece. */
export function auditExportRoute(router: Router, { db, filterOf }: ExportDeps, http: MountDeps): void {
  rawRoute(
    router,
    { name: 'audit.export', method: 'GET', path: '/v1/audit/export', access: 'audit:read', rate: 'write' },
    async (req, res, asker) => {
      const actor = asker as Actor;
      const query = parse(Query, req.query, 'The request');
      const filter = await filterOf(actor, query);
      const { format } = query;
      await db.withWorkspaceSql(actor, (sql) =>
        recordAudit(sql, actor, { action: 'data.export', resource: 'audit', metadata: { format } }),
      );
      res.setHeader('Cache-Control', 'no-store');
      res.setHeader('Content-Disposition', `attachment; filename="audit.${format}"`);
      res.type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson');
      if (format === 'csv') await write(res, stringify([COLUMNS]));
      for (let before: string | undefined; ; ) {
        const rows = await db.withWorkspaceSql(actor, (sql) =>
          listEntries(sql, actor.workspaceId, { ...filter, limit: BATCH, before }),
        );
        const entries = rows.slice(0, BATCH).map(toEntry);
        await write(
          res,
          format === 'csv' ? csvOf(entries) : entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
        );
        before = entries.at(-1)?.id;
        if (rows.length <= BATCH || res.closed) break;
      }
      res.end();
    },
    http,
  );
}

/** A table program runs what begins like a formula, so such a value gets an apostrophe before it. */
function csvOf(entries: AuditEntry[]): string {
  const cell = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value ?? ''));
  return stringify(
    entries.map((entry) => COLUMNS.map((column) => cell(entry[column] ?? ''))),
    { escape_formulas: true },
  );
}

/** Waits while the reader is slower than we are. */
async function write(res: Response, text: string): Promise<void> {
  if (text === '' || res.closed) return;
  if (!res.write(text)) await Promise.race([once(res, 'drain'), once(res, 'close')]);
}
