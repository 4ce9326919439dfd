import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Workspace } from '#shared/contract/cloud/common.ts';
import { slugOf } from '#shared/ids.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { Secrets } from '../platform/secrets.ts';

type Founder = { userId: string; name: string; ip?: string; userAgent?: string; requestId?: string };

/**
 * Makes a workspace with its owner, its data key and its first audit entry.
 *
 * @param first what must exist before, in the same transaction: the person, where they are new too
 */
export function insertWorkspace(
  db: Database,
  secrets: Secrets,
  founder: Founder,
  name: string,
  first: (tx: Tx) => Promise<void> = async () => undefined,
): Promise<Workspace> {
  const id = uuidv7();
  // A tail of chance: whether a name is taken by somebody else is nobody's business.
  const slug = `${slugOf(name).slice(0, 50)}-${randomBytes(4).toString('hex')}`;
  return db.withWorkspace({ workspaceId: id }, async (tx) => {
    await first(tx);
    await tx.workspace.create({ data: { id, name, slug, ownerId: founder.userId } });
    await tx.membership.create({ data: { workspaceId: id, id: uuidv7(), userId: founder.userId, role: 'owner' } });
    await secrets.createKey(tx, id);
    const record = { action: 'workspace.create', resource: 'workspace', resourceId: id, metadata: { name } };
    await recordAudit(tx, { ...founder, workspaceId: id }, record);
    return { id, name, slug, role: 'owner', plan: 'free' };
  });
}

/** The workspaces a person belongs to, oldest first. */
export function listWorkspaces(db: Database, userId: string): Promise<Workspace[]> {
  return db.withUser(userId, async (tx) => {
    const memberships = await tx.membership.findMany({
      where: { userId, deletedAt: null, workspace: { deletedAt: null } },
      include: { workspace: true },
      orderBy: { joinedAt: 'asc' },
    });
    return memberships.map(({ role, workspace: { id, name, slug, plan } }) => ({ id, name, slug, role, plan }));
  });
}
