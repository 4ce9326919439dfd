import {
  NOTICE_CHANNELS,
  NOTICE_KINDS,
  type NoticeKind,
  type NoticePreferences,
} from '#shared/contract/cloud/notifications.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Database } from '../platform/database.ts';
import type { Capability } from '../server/capabilities.ts';
import { type MountedService, mount } from '../server/mount.ts';
import { idCursor, toPage } from '../server/paging.ts';
import type { Platform } from '../server/platform.ts';
import { wants } from './notices.ts';
import * as store from './notificationStore.ts';

const KINDS = Object.keys(NOTICE_KINDS) as NoticeKind[];
const DONE = { done: true } as const;

/** What a person was told, and how they want to be told. */
export function createNotifications(platform: Platform): Capability {
  return { routers: [mount('notifications', cloudApi.notifications, createNotificationService(platform), platform)] };
}

export function createNotificationService({ db }: { db: Database }): MountedService<typeof cloudApi.notifications> {
  function allOf({ chosen, revision }: store.Chosen): NoticePreferences {
    const preferences = KINDS.flatMap((kind) =>
      NOTICE_CHANNELS.map((channel) => {
        const own = chosen.find((one) => one.kind === kind && one.channel === channel)?.enabled;
        const usual: boolean | 'always' = NOTICE_KINDS[kind][channel];
        const { title } = NOTICE_KINDS[kind];
        return { kind, title, channel, enabled: wants(kind, channel, own), changeable: usual !== 'always' };
      }),
    );
    return { preferences, revision };
  }

  async function hiddenFor(userId: string): Promise<NoticeKind[]> {
    const { preferences } = allOf(await store.listPreferences(db, userId));
    return preferences.filter(({ channel, enabled }) => channel === 'app' && !enabled).map(({ kind }) => kind);
  }

  return {
    async list({ limit, cursor, unread }, { session: { userId } }) {
      const before = idCursor(cursor);
      const hidden = await hiddenFor(userId);
      const rows = await store.listOwn(db, userId, { limit, before, unread: unread === 'true', hidden });
      const { data, nextCursor } = toPage(rows, limit);
      return {
        data: data.map(({ id, kind, aboutWorkspaceId, title, message, data: facts, count, readAt, createdAt }) => ({
          id,
          kind: kind as NoticeKind,
          workspaceId: aboutWorkspaceId ?? undefined,
          title,
          message,
          data: facts as JsonObject,
          count,
          read: readAt !== null,
          at: createdAt.toISOString(),
        })),
        nextCursor,
      };
    },

    async countUnread(_input, { session: { userId } }) {
      return { unread: await store.countUnread(db, userId, await hiddenFor(userId)) };
    },

    async markRead({ notificationId }, { session }) {
      if ((await store.markRead(db, session.userId, notificationId)) === 0) {
        throw new SluiceError('notification.not_found', 'There is no such notification.');
      }
      return DONE;
    },

    async markAllRead(_input, { session }) {
      await store.markRead(db, session.userId);
      return DONE;
    },

    preferences: async (_input, { session }) => allOf(await store.listPreferences(db, session.userId)),

    async setPreference({ expectedRevision, ...choice }, { session: { userId } }) {
      const usual: boolean | 'always' = NOTICE_KINDS[choice.kind][choice.channel];
      if (usual === 'always') {
        throw new SluiceError(
          'request.invalid',
          'This is always told, because it is about the safety of your account.',
        );
      }
      return allOf(
        await store.putPreference(db, userId, choice, (revision) => ensureRevision(revision, expectedRevision)),
      );
    },
  };
}

/** @param expected absent: whatever was chosen meanwhile, this is set */
function ensureRevision(revision: number, expected: number | undefined): void {
  if (expected === undefined || expected === revision) return;
  throw new SluiceError('request.changed', 'You have chosen something else elsewhere since you last saw this.', {
    details: { revision, expectedRevision: expected },
    advice: 'Look at what is chosen now, then choose again.',
  });
}
