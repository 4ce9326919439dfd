import { v7 as uuidv7 } from 'uuid';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import { PERMISSIONS } from '#shared/permission.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { MountedService } from '../server/mount.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import { canGiveScopes, canIssueKeys, ensureRoomForKey } from './apiKeyPolicy.ts';
import * as store from './apiKeyStore.ts';
import type { Keyring } from './keyring.ts';
import { newKey } from './keyText.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Keys of a workspace: made, shown once, rotated with a grace, revoked. */
export function createApiKeyService({
  db,
  clock,
  keyring,
}: {
  db: Database;
  clock: Clock;
  keyring: Keyring;
}): MountedService<typeof cloudApi.apiKeys> {
  const inDays = (days: number) => new Date(clock.now().getTime() + days * DAY_MS);
  return {
    list: (_input, actor) =>
      db.withWorkspace(actor, async (tx) => {
        const now = clock.now();
        return (await store.listKeys(tx, actor.workspaceId, now)).map((row) => store.toRecord(row, now));
      }),

    async create({ name, scopes, expiresInDays }, actor) {
      ensure(canIssueKeys(actor));
      // A key outlives a password: whoever signed up with another's address would keep what its owner then takes.
      ensure(mustBeVerified(actor));
      ensure(canGiveScopes(actor, scopes));
      const { workspaceId, userId } = actor;
      const { secret, prefix, keyHash } = newKey(workspaceId);
      return db.withWorkspace(actor, async (tx) => {
        await store.lockKeys(tx, workspaceId);
        const now = clock.now();
        const have = (await store.listKeys(tx, workspaceId, now)).length;
        ensureRoomForKey(await store.planOfWorkspace(tx, workspaceId), have);
        const row = await store.insertKey(tx, {
          workspaceId,
          id: uuidv7(),
          name,
          prefix,
          keyHash,
          scopes: PERMISSIONS.filter((permission) => scopes.includes(permission)),
          createdById: userId,
          expiresAt: inDays(expiresInDays),
        });
        const metadata = { name, prefix, scopes: row.scopes, expiresAt: row.expiresAt.toISOString() };
        await recordAudit(tx, actor, { action: 'apikey.create', resource: 'apikey', resourceId: row.id, metadata });
        return { key: store.toRecord(row, now), secret };
      });
    },

    async rotate({ keyId, graceHours, expiresInDays }, actor) {
      ensure(canIssueKeys(actor));
      const { workspaceId, userId } = actor;
      const { secret, prefix, keyHash } = newKey(workspaceId);
      return db.withWorkspace(actor, async (tx) => {
        await store.lockKeys(tx, workspaceId);
        const now = clock.now();
        const before = await store.findKey(tx, workspaceId, keyId, now);
        if (!before) throw noKey();
        // Whoever rotates gets the secret, and answers for the key from now on.
        ensure(
          canGiveScopes(
            actor,
            PERMISSIONS.filter((permission) => before.scopes.includes(permission)),
          ),
        );
        const row = await store.replaceSecret(
          tx,
          { workspaceId, id: keyId },
          {
            prefix,
            keyHash,
            previousHash: graceHours > 0 ? before.keyHash : null,
            graceUntil: graceHours > 0 ? new Date(now.getTime() + graceHours * HOUR_MS) : null,
            createdById: userId,
            expiresAt: inDays(expiresInDays),
          },
        );
        const metadata = { name: row.name, prefix, before: before.prefix, graceHours };
        await recordAudit(tx, actor, { action: 'apikey.rotate', resource: 'apikey', resourceId: keyId, metadata });
        return { key: store.toRecord(row, now), secret };
      });
    },

    revoke: ({ keyId }, actor) =>
      db.withWorkspace(actor, async (tx) => {
        const name = await store.revokeKey(tx, actor.workspaceId, keyId, clock.now());
        if (name === undefined) throw noKey();
        const record = { action: 'apikey.revoke', resource: 'apikey', resourceId: keyId, metadata: { name } };
        await recordAudit(tx, actor, record);
        return { done: true as const };
      }),

    async self(_input, { bearer, ip }) {
      const holder = bearer === undefined ? undefined : await keyring.keyOf(bearer, ip);
      if (!holder) {
        throw new SluiceError('access.unauthenticated', 'No API key that holds came along.', {
          advice: 'Send one in the header Authorization, after the word Bearer.',
        });
      }
      const { workspaceId, role, apiKey } = holder;
      return db.withWorkspace(holder, async (tx) => {
        const now = clock.now();
        const row = await store.findKey(tx, workspaceId, apiKey.id, now);
        if (!row) throw noKey();
        const { id, name, slug, plan } = await tx.workspace.findUniqueOrThrow({ where: { id: workspaceId } });
        const { userId, email, emailVerified } = holder;
        const user = { id: userId, email, name: row.createdBy.name, emailVerified };
        return { key: store.toRecord(row, now), workspace: { id, name, slug, role, plan }, user };
      });
    },
  };
}

function noKey(): SluiceError {
  return new SluiceError('apikey.not_found', 'There is no such API key in this workspace.');
}
