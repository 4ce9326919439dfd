import { Router } from 'express';
import type { z } from 'zod';
import type { AuditQuery } from '#shared/contract/cloud/audit.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { PLANS } from '#shared/plan.ts';
import type { Actor } from '../server/actor.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import { idCursor, toPage } from '../server/paging.ts';
import type { Platform } from '../server/platform.ts';
import { toEntry } from './auditEntry.ts';
import { auditExportRoute } from './auditExport.ts';
import { type AuditFilter, listEntries, planOf } from './auditStore.ts';
import { verifyAudit } from './verifyAudit.ts';

const DAY_MS = 86_400_000;

type Query = { [K in keyof typeof AuditQuery]?: z.output<(typeof AuditQuery)[K]> };

export function createAudit(platform: Platform): Capability {
  const { db, clock, master } = platform;

  /** Nothing from before what the plan shows, whatever is asked for. */
  async function filterOf(actor: Actor, query: Query): Promise<AuditFilter> {
    const days = PLANS[await db.withWorkspaceSql(actor, (sql) => planOf(sql, actor.workspaceId))].auditDays;
    const first = clock.now().getTime() - days * DAY_MS;
    const { actorId, action, resource, resourceId, outcome, since, until } = query;
    return {
      actorId,
      action,
      resource,
      resourceId,
      outcome,
      since: new Date(Math.max(first, since ? Date.parse(since) : 0)),
      until: until === undefined ? undefined : new Date(until),
    };
  }

  const service: Service<typeof cloudApi.audit, Actor> = {
    async list({ limit, cursor, ...query }, actor) {
      const filter = await filterOf(actor, query);
      const rows = await db.withWorkspaceSql(actor, (sql) =>
        listEntries(sql, actor.workspaceId, { ...filter, limit, before: idCursor(cursor) }),
      );
      const { data, nextCursor } = toPage(rows, limit);
      return { data: data.map(toEntry), nextCursor };
    },

    async verify(_input, actor) {
      const { entries, sealedTo, tampered } = await verifyAudit(db, actor, { master, now: clock.now() });
      return { entries, sealedTo, intact: tampered === undefined, firstBroken: tampered };
    },
  };
  const router = Router();
  auditExportRoute(router, { db, filterOf }, platform);
  return { routers: [router, mount('audit', cloudApi.audit, service, platform)] };
}
