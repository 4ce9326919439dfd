import { PERMISSIONS, type Permission, permissionsOf, type Role } from '#shared/permission.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import { hashToken } from '../platform/tokens.ts';
import type { Actor, SignedIn } from '../server/actor.ts';
import type { Identities } from '../server/authenticate.ts';
import { findMembership, findSessionByAccess } from './sessionStore.ts';

/** A revoked session or membership stops being accepted within this time on every process. */
const FRESH_MS = 2_000;
const MOST = 10_000;
/** An owner may give or take single permissions, but none that stand above an admin's. */
const GIVABLE = permissionsOf('admin');

export function createIdentities({ db, clock }: { db: Database; clock: Clock }): Identities {
  const sessions = remember<SignedIn | undefined>(clock);
  const memberships = remember<Pick<Actor, 'role' | 'permissions'> | undefined>(clock);
  return {
    sessionOf: (accessToken) => {
      const accessHash = hashToken(accessToken);
      return sessions(accessHash, () => findSessionByAccess(db, accessHash, 'device', clock.now()));
    },
    membershipOf: (userId, workspaceId) =>
      memberships(tenantKey(workspaceId, userId), async () => {
        const member = await findMembership(db, userId, workspaceId);
        if (!member) return undefined;
        return { role: member.role, permissions: memberPermissions(member.role, member.permissions) };
      }),
  };
}

/** What a member may do: the role's permissions, and what was given or taken for this one person. */
export function memberPermissions(role: Role, overrides: unknown): ReadonlySet<Permission> {
  const { add, remove } = (overrides ?? {}) as { add?: unknown; remove?: unknown };
  const named = (list: unknown) => PERMISSIONS.filter((permission) => Array.isArray(list) && list.includes(permission));
  const result = new Set(permissionsOf(role));
  for (const permission of named(add)) if (GIVABLE.has(permission)) result.add(permission);
  for (const permission of named(remove)) result.delete(permission);
  return result;
}

/** Keeps answers for a moment, also while they are being looked up, so that a burst of requests asks once. */
export function remember<T>(clock: Clock): (key: string, find: () => Promise<T>) => Promise<T> {
  const kept = new Map<string, { at: number; answer: Promise<T> }>();
  return (key, find) => {
    const now = clock.now().getTime();
    const known = kept.get(key);
    if (known && now >= known.at && now - known.at < FRESH_MS) return known.answer;
    if (kept.size >= MOST) kept.clear();
    const answer = find();
    kept.set(key, { at: now, answer });
    answer.catch(() => kept.delete(key));
    return answer;
  };
}
