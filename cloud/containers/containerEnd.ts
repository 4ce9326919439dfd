import { recordAudit } from '../audit/recordAudit.ts';
import type { Sql } from '../platform/database.ts';
import type { ContainerStatus } from './containerMoves.ts';
import type { ContainerDeps } from './containerService.ts';
import * as store from './containerStore.ts';
import type { Live } from './liveContainer.ts';

const STEADY_MS = 60_000;
const GRACE_MS = 10_000;

export type ContainerEnd = ReturnType<typeof createContainerEnd>;

/**
 * How a container ends: on purpose, by itself, or because it was not there in the first place. Each is written down.
 *
 * @param live those that this process knows to run; what ends is none of them any more
 * @param onFail told of each that did not end on purpose
 */
export function createContainerEnd(
  { db, driver, log }: Pick<ContainerDeps, 'db' | 'driver' | 'log'>,
  live: Map<string, Live>,
  onFail: (workspaceId: string) => void,
) {
  const inside = <T>(workspaceId: string, work: (sql: Sql) => Promise<T>) => db.withWorkspaceSql({ workspaceId }, work);

  /** Writes down that the container is gone, and why. */
  async function fail(workspaceId: string, reason: string, { alwaysCounts }: { alwaysCounts: boolean }): Promise<void> {
    live.delete(workspaceId);
    await inside(workspaceId, async (sql) => {
      const row = await store.findContainer(sql, workspaceId);
      const lived = await store.endBoots(sql, workspaceId, reason);
      const restarts = !alwaysCounts && lived > STEADY_MS ? 1 : (row?.restarts ?? 0) + 1;
      const from: ContainerStatus[] = ['starting', 'running', 'sleeping', 'upgrading', 'stopping'];
      if (!(await store.moveContainer(sql, workspaceId, from, 'error', { ref: null, error: reason, restarts }))) return;
      if (row) await store.dropLeases(sql, workspaceId, row.id);
      const metadata = { reason, restarts };
      await recordAudit(
        sql,
        { workspaceId },
        { action: 'container.stop', resource: 'container', resourceId: row?.id, outcome: 'failed', metadata },
      );
    });
    onFail(workspaceId);
  }

  /** Ends it on purpose, to be asleep or stopped. */
  async function end(
    workspaceId: string,
    ref: string | undefined,
    to: 'sleeping' | 'stopped',
    reason: string,
  ): Promise<void> {
    live.delete(workspaceId);
    const first = to === 'sleeping' ? 'sleeping' : 'stopping';
    const from: ContainerStatus[] = to === 'sleeping' ? ['running'] : ['starting', 'running', 'sleeping', 'error'];
    const moved = await inside(workspaceId, (sql) => store.moveContainer(sql, workspaceId, from, first));
    if (!moved) return;
    if (to === 'sleeping' && driver.canPause && ref) await driver.pause(ref);
    else {
      if (ref) await driver.stop(ref, GRACE_MS);
      await inside(workspaceId, async (sql) => {
        await store.endBoots(sql, workspaceId, reason);
        if (to === 'stopped')
          await store.moveContainer(sql, workspaceId, ['stopping'], 'stopped', { ref: null, restarts: 0 });
        else await sql.query('update tenant_container set container_ref = null where workspace_id = $1', [workspaceId]);
      });
    }
    await inside(workspaceId, async (sql) => {
      const row = await store.findContainer(sql, workspaceId);
      await recordAudit(
        sql,
        { workspaceId },
        { action: 'container.stop', resource: 'container', resourceId: row?.id, metadata: { reason } },
      );
    });
    log.info('container ended', { workspaceId, to, reason });
  }

  /** What is written about a container that is not there: as good as stopped, it starts when there is work. */
  async function forget(workspaceId: string): Promise<void> {
    await inside(workspaceId, async (sql) => {
      await store.endBoots(sql, workspaceId, 'control plane restarted');
      await store.moveContainer(sql, workspaceId, ['starting', 'running', 'sleeping'], 'stopping');
      await store.moveContainer(sql, workspaceId, ['stopping'], 'stopped', { ref: null });
    });
  }

  return { fail, end, forget };
}
