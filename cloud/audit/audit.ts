import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { JsonObject } from '#shared/json.ts';
import { PLANS } from '#shared/plan.ts';
import type { Actor } from '../server/actor.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import { idCursor, toPage } from '../server/paging.ts';
import type { Platform } from '../server/platform.ts';
import { listEntries, planOf } from './auditStore.ts';

const DAY_MS = 86_400_000;

export function createAudit(platform: Platform): Capability {
  const { db, clock } = platform;
  const service: Service<typeof cloudApi.audit, Actor> = {
    async list({ limit, cursor }, actor) {
      const days = PLANS[await planOf(db, actor)].auditDays;
      const since = new Date(clock.now().getTime() - days * DAY_MS);
      const { data, nextCursor } = toPage(
        await listEntries(db, actor, { since, limit, before: idCursor(cursor) }),
        limit,
      );
      const entries = data.map(({ id, action, resource, resourceId, actorName, outcome, metadata, at }) => ({
        id,
        action,
        resource,
        resourceId: resourceId ?? undefined,
        actorName: actorName ?? undefined,
        outcome,
        metadata: metadata as JsonObject,
        at: at.toISOString(),
      }));
      return { data: entries, nextCursor };
    },
  };
  return { routers: [mount('audit', cloudApi.audit, service, platform)] };
}
