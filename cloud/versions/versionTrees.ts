import { SluiceError } from '#shared/error.ts';
import type { Sql } from '../platform/database.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import { type FrozenTree, readVersionTree } from './versionStore.ts';

/** Versions never change, so a process reads each once while it is in use. */
export type VersionTrees = {
  /** @throws SluiceError version.not_found */
  read(sql: Sql, workspaceId: string, versionId: string): Promise<FrozenTree>;
};

export function createVersionTrees(capacity = 64): VersionTrees {
  const kept = new Map<string, FrozenTree>();
  return {
    async read(sql, workspaceId, versionId) {
      const key = tenantKey(workspaceId, versionId);
      const known = kept.get(key);
      if (known) {
        kept.delete(key);
        kept.set(key, known);
        return known;
      }
      const version = await readVersionTree(sql, workspaceId, versionId);
      if (!version) throw new SluiceError('version.not_found', 'There is no such version in this project.');
      kept.set(key, version);
      for (const oldest of kept.keys()) {
        if (kept.size <= capacity) break;
        kept.delete(oldest);
      }
      return version;
    },
  };
}
