import { cloudApi } from '#shared/contract/cloudApi.ts';
import { createSessionService } from '../accounts/sessionService.ts';
import { sealAudit } from '../audit/sealAudit.ts';
import { createAllowances } from '../billing/allowances.ts';
import { warnOfExpiry } from '../connections/warnOfExpiry.ts';
import { createNotices } from '../notifications/notices.ts';
import { pruneHistory } from '../projects/pruneHistory.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { type Loop, startLoop } from '../worker/loop.ts';
import { invitationPages } from './invitationPages.ts';
import { createInvitationService } from './invitationService.ts';
import { isOver, purgeRows } from './lifecycleStore.ts';
import { createMemberService } from './memberService.ts';
import { createOwnInvitations } from './ownInvitations.ts';
import { upkeepTick } from './upkeep.ts';
import { createWorkspaceService } from './workspaceService.ts';

export type WorkspaceEvents = {
  /** A workspace was deleted just now: what runs for it is to stop. It may come back. */
  onDeleted?(workspaceId: string): void;
  /** Its time is over: what is kept of it outside of the database goes for good. */
  onPurged?(workspaceId: string): Promise<void>;
};

const TICK_MS = 5_000;
const DAY_MS = 86_400_000;

/** Workspaces, who belongs to them, who is asked to, and what has to be done for them from time to time. */
export function createWorkspaces(
  platform: Platform,
  { onDeleted = () => undefined, onPurged = async () => undefined }: WorkspaceEvents = {},
): Capability {
  const { db, logger, master, blobs, clock } = platform;
  const allowances = createAllowances({ log: logger });
  const notices = createNotices(platform);
  const invitations = createOwnInvitations({ db, notices });
  const handlers = {
    audit: async (workspaceId: string) => {
      await db.withWorkspaceSql({ workspaceId }, (sql) => sealAudit(sql, workspaceId, { master, logger }));
      return DAY_MS;
    },
    history: async (workspaceId: string) => {
      await pruneHistory({ db, logger }, workspaceId);
      return DAY_MS;
    },
    connections: (workspaceId: string) => warnOfExpiry({ db, notices, clock }, workspaceId),
    purge: async (workspaceId: string) => {
      if (!(await db.withWorkspaceSql({ workspaceId }, (sql) => isOver(sql, workspaceId)))) return undefined;
      // Files first: as long as a row is left, somebody comes back for what a crash left.
      await onPurged(workspaceId);
      await blobs.removeAll(workspaceId);
      const rows = await db.withWorkspaceSql({ workspaceId }, (sql) => purgeRows(sql, workspaceId));
      logger.info('A workspace is gone for good.', { workspaceId, rows });
      return undefined;
    },
  };
  let loop: Loop | undefined;
  return {
    routers: [
      mount(
        'workspaces',
        cloudApi.workspaces,
        createWorkspaceService({ ...platform, allowances, onDeleted }),
        platform,
      ),
      mount('members', cloudApi.members, createMemberService(platform), platform),
      mount('invitations', cloudApi.invitations, createInvitationService(platform), platform),
      mount('ownInvitations', cloudApi.ownInvitations, invitations, platform),
      invitationPages({ ...platform, sessions: createSessionService(platform), invitations }),
    ],
    async start() {
      loop = startLoop('upkeep', TICK_MS, () => upkeepTick({ db, logger, handlers }), logger);
    },
    drain: async () => loop?.stop(),
  };
}
