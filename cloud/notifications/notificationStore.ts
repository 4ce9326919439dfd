import { v7 as uuidv7 } from 'uuid';
import type { NoticeChannel, NoticeKind } from '#shared/contract/cloud/notifications.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Role } from '#shared/permission.ts';
import type { Database, Sql, Tx } from '../platform/database.ts';

export type Preference = { kind: NoticeKind; channel: NoticeChannel; enabled: boolean };

/** Somebody who may be told, with what they chose for this kind of thing. */
export type Recipient = {
  userId: string;
  email: string;
  emailVerified: boolean;
  name: string;
  role: Role;
  overrides: unknown;
  chosen: Partial<Record<NoticeChannel, boolean>>;
};

/** The members of the transaction's workspace. */
export async function listRecipients(sql: Sql, workspaceId: string, kind: NoticeKind): Promise<Recipient[]> {
  const { rows } = await sql.query<Recipient>(
    `select u.id as "userId", u.email, u.email_verified_at is not null as "emailVerified", u.name, m.role,
            m.permissions as overrides, coalesce(p.chosen, '{}') as chosen
       from membership m
       join user_account u on u.id = m.user_id and u.deleted_at is null
       left join lateral (select jsonb_object_agg(channel, enabled) as chosen from notification_preference n
                           where n.user_id = m.user_id and n.kind = $2) p on true
      where m.workspace_id = $1 and m.deleted_at is null order by m.id`,
    [workspaceId, kind],
  );
  return rows;
}

export type NewNotification = {
  userId: string;
  workspaceId?: string;
  kind: NoticeKind;
  title: string;
  message: string;
  data: JsonObject;
  groupKey?: string;
};

/** Keeps it, or counts it where the same is known already. @returns whether it is the first of its group */
export async function keepNotification(sql: Sql, notification: NewNotification): Promise<boolean> {
  const { userId, workspaceId, kind, title, message, data, groupKey } = notification;
  const { rows } = await sql.query<{ count: number }>(
    `insert into notification (id, user_id, about_workspace_id, kind, title, message, data, group_key)
     values ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7::jsonb, $8)
     on conflict (user_id, group_key) do update
       set count = notification.count + 1, message = excluded.message, data = excluded.data, read_at = null
     returning count`,
    [uuidv7(), userId, workspaceId ?? null, kind, title, message, JSON.stringify(data), groupKey ?? null],
  );
  return rows[0]?.count === 1;
}

/** Newest first, one more than `limit` if there are more; without the kinds that the person does not want to see. */
export function listOwn(
  db: Database,
  userId: string,
  { limit, before, unread, hidden }: { limit: number; before?: string; unread: boolean; hidden: NoticeKind[] },
) {
  return db.withUser(userId, (tx) =>
    tx.notification.findMany({
      where: {
        userId,
        kind: { notIn: hidden },
        ...(unread ? { readAt: null } : {}),
        ...(before ? { id: { lt: before } } : {}),
      },
      orderBy: { id: 'desc' },
      take: limit + 1,
    }),
  );
}

export function countUnread(db: Database, userId: string, hidden: NoticeKind[]): Promise<number> {
  return db.withUser(userId, (tx) =>
    tx.notification.count({ where: { userId, readAt: null, kind: { notIn: hidden } } }),
  );
}

/** @param id one of them, else all. @returns how many are there */
export function markRead(db: Database, userId: string, id?: string): Promise<number> {
  return db.withUser(userId, async (tx) => {
    const those = { userId, ...(id === undefined ? {} : { id }) };
    await tx.notification.updateMany({ where: { ...those, readAt: null }, data: { readAt: new Date() } });
    return id === undefined ? 0 : tx.notification.count({ where: those });
  });
}

/** What was chosen, and how often anything was. */
export type Chosen = { chosen: Preference[]; revision: number };

export function listPreferences(db: Database, userId: string): Promise<Chosen> {
  return db.withUser(userId, (tx) => readChosen(tx, userId));
}

async function readChosen(tx: Tx, userId: string): Promise<Chosen> {
  const rows = await tx.notificationPreference.findMany({ where: { userId } });
  const chosen = rows.map(({ kind, channel, enabled }) => ({ kind, channel, enabled }) as Preference);
  // None of them is ever taken away, so the sum only grows.
  return { chosen, revision: rows.reduce((sum, row) => sum + row.revision, 0) };
}

/**
 * Sets one of them, one after the other for a person.
 *
 * @param allow is told the revision before, and throws where that is not the one that was meant
 */
export async function putPreference(
  db: Database,
  userId: string,
  { kind, channel, enabled }: Preference,
  allow: (revision: number) => void,
): Promise<Chosen> {
  return db.withUser(userId, async (tx) => {
    await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('notices:' || ${userId}::text, 0))::text as locked`;
    allow((await readChosen(tx, userId)).revision);
    await tx.notificationPreference.upsert({
      where: { userId_kind_channel: { userId, kind, channel } },
      create: { userId, kind, channel, enabled },
      update: { enabled, revision: { increment: 1 } },
    });
    return readChosen(tx, userId);
  });
}
