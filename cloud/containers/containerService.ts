import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Sql } from '../platform/database.ts';
import type { Metrics } from '../platform/metrics.ts';
import { hashToken } from '../platform/tokens.ts';
import type { Allowances, ContainerService } from '../runs/ports.ts';
import type { ContainerDriver, ContainerExit } from './containerDriver.ts';
import { createContainerEnd } from './containerEnd.ts';
import { createContainerStart, limitsOf } from './containerStart.ts';
import * as store from './containerStore.ts';
import { type Live, liveSince } from './liveContainer.ts';
import { createSerial } from './serial.ts';

export type ContainerDeps = {
  db: Database;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  driver: ContainerDriver;
  allowances: Pick<Allowances, 'planOf'>;
  runtimeHash: string;
  /** Where containers find the agent listener. */
  agentUrl: string;
  /** Waits this long for the first hello. Default 30 s. */
  startMs?: number;
};

export type FullContainerService = ContainerService & {
  /** Another plan holds: the container gets its limits at once. */
  planChanged(workspaceId: string): Promise<void>;
  /** The workspace was deleted: its container ends, whether it runs or sleeps. Its data stay. */
  end(workspaceId: string): Promise<void>;
  /** The workspace is gone for good: so is what its container kept. */
  removeData(workspaceId: string): Promise<void>;
  /** Brings what the driver runs and what is written down together. Once, before anything is started. */
  recover(): Promise<void>;
  /** Puts to sleep what has been idle, and looks after what does not answer. Every few seconds. */
  tick(): Promise<void>;
  /** Ends every container of this installation, their data stay. */
  stopAll(): Promise<void>;
};

const TOUCH_MS = 10_000;
const QUIET_MS = 90_000;
const DEAD_MS = 180_000;

/**
 * Keeps one container per workspace, as its runs need it. Only one control plane process may own a driver; every move
 * is a compare-and-set all the same, so that a second one does no harm.
 */
export function createContainerService(deps: ContainerDeps): FullContainerService {
  const { db, clock, log, metrics, driver, allowances, runtimeHash, agentUrl } = deps;
  const serial = createSerial();
  const live = new Map<string, Live>();
  const asked = new Map<string, Promise<void>>();
  const listeners = new Set<(workspaceId: string) => void>();
  const gone = metrics.counter('sluice_container_exits_total', 'Containers that ended by themselves.', ['reason']);
  const now = () => clock.now().getTime();
  const inside = <T>(workspaceId: string, work: (sql: Sql) => Promise<T>) => db.withWorkspaceSql({ workspaceId }, work);
  const ending = createContainerEnd(deps, live, (workspaceId) => {
    for (const listener of listeners) listener(workspaceId);
  });
  const { fail, end, forget } = ending;
  const starting = createContainerStart(deps, live, ending);

  async function exited(exit: ContainerExit): Promise<void> {
    const { workspaceId, ref } = exit;
    const reason = reasonOf(exit);
    // Before its hello the start itself deals with it; after it, we do when the start is written down.
    if (starting.hasFailed(workspaceId, reason)) return;
    await serial(workspaceId, async () => {
      const row = await inside(workspaceId, (sql) => store.findContainer(sql, workspaceId));
      await driver.stop(ref, 0);
      if (row?.containerRef !== ref) return;
      gone.inc({ reason: exit.outOfMemory ? 'memory' : 'exit' });
      log.warn('A container ended by itself.', { workspaceId, containerId: row.id, reason });
      await fail(workspaceId, reason, { alwaysCounts: false });
    });
  }

  driver.onExit((exit) => {
    exited(exit).catch((thrown: unknown) => {
      log.error('The end of a container could not be written down.', {
        workspaceId: exit.workspaceId,
        error: String(thrown),
      });
    });
  });

  /** Whether a running container is to go to sleep, or was found dead. */
  async function look(workspaceId: string, { ref, seenAt }: Live): Promise<void> {
    const quiet = seenAt === undefined ? 0 : now() - seenAt;
    if (quiet > QUIET_MS) {
      const state = await driver.inspect(ref);
      if (state?.status !== 'running' || quiet > DEAD_MS) {
        log.error('A container does not answer; it is ended.', { workspaceId, quietMs: quiet });
        await driver.stop(ref, 0);
        await fail(workspaceId, 'The runtime did not answer any more.', { alwaysCounts: false });
      } else await inside(workspaceId, (sql) => store.markHealth(sql, workspaceId, 'degraded', clock.now()));
      return;
    }
    if (await inside(workspaceId, (sql) => store.isDeleted(sql, workspaceId))) {
      await end(workspaceId, ref, 'stopped', 'workspace deleted');
      return;
    }
    const { row, plan, busy } = await inside(workspaceId, async (sql) => ({
      row: await store.findContainer(sql, workspaceId),
      plan: await allowances.planOf(sql, workspaceId),
      busy: await store.hasWork(sql, workspaceId),
    }));
    if (row?.status !== 'running' || row.keepAlive || busy) return;
    const active = Math.max(row.lastActiveAt?.getTime() ?? 0, live.get(workspaceId)?.touchedAt ?? 0);
    if (now() - active < plan.idleSleepMinutes * 60_000) return;
    await end(workspaceId, ref, 'sleeping', 'idle');
  }

  return {
    ensureRunning(workspaceId) {
      if (live.has(workspaceId)) return Promise.resolve();
      const known = asked.get(workspaceId);
      if (known) return known;
      const asking = serial(workspaceId, () => starting.bringUp(workspaceId)).finally(() => asked.delete(workspaceId));
      asked.set(workspaceId, asking);
      return asking;
    },

    async touch(workspaceId) {
      const known = live.get(workspaceId);
      if (known) {
        if (now() - known.touchedAt < TOUCH_MS) return;
        known.touchedAt = now();
      }
      await inside(workspaceId, (sql) => store.markActive(sql, workspaceId, clock.now()));
    },

    seen(workspaceId) {
      const known = live.get(workspaceId);
      if (known) known.seenAt = now();
    },

    async verifyBoot({ bootSecret, runtimeHash: its, node }) {
      const workspaceId = /^slb_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_/.exec(bootSecret)?.[1];
      const boot =
        workspaceId && (await inside(workspaceId, (sql) => store.findBoot(sql, workspaceId, hashToken(bootSecret))));
      if (!workspaceId || !boot) {
        throw new SluiceError('token.invalid', 'The secret does not belong to a start that is going on.', {
          advice: 'Let the control plane start the container.',
        });
      }
      if (its !== boot.runtimeHash) {
        throw new SluiceError(
          'token.invalid',
          `The runtime package ${its.slice(0, 12)} is not the one that was started.`,
        );
      }
      await inside(workspaceId, async (sql) => {
        await store.moveContainer(sql, workspaceId, ['starting'], 'running');
        await store.markHealth(sql, workspaceId, 'healthy', clock.now());
      });
      log.debug('container said hello', { workspaceId, containerId: boot.containerId, node });
      starting.helloed(workspaceId, boot.bootId);
      return { workspaceId, containerId: boot.containerId, bootId: boot.bootId };
    },

    onGone(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    planChanged: (workspaceId) =>
      serial(workspaceId, async () => {
        const { row, plan } = await inside(workspaceId, async (sql) => {
          const plan = await allowances.planOf(sql, workspaceId);
          await store.setSizes(sql, workspaceId, plan);
          return { plan, row: await store.findContainer(sql, workspaceId) };
        });
        if (!row?.containerRef || !['running', 'sleeping'].includes(row.status)) return;
        try {
          await driver.setLimits(row.containerRef, limitsOf(plan));
        } catch (thrown) {
          // It uses more than the new limit: the next start begins below it.
          log.warn('A container could not take the limits of its new plan; it is stopped.', {
            workspaceId,
            error: String(thrown),
          });
          await end(workspaceId, row.containerRef, 'stopped', 'plan changed');
        }
      }),

    end: (workspaceId) =>
      serial(workspaceId, async () => {
        const row = await inside(workspaceId, (sql) => store.findContainer(sql, workspaceId));
        if (row?.containerRef) await end(workspaceId, row.containerRef, 'stopped', 'workspace deleted');
      }),

    removeData: (workspaceId) =>
      serial(workspaceId, async () => {
        for (const state of await driver.list()) if (state.workspaceId === workspaceId) await driver.stop(state.ref, 0);
        live.delete(workspaceId);
        await driver.removeData(workspaceId);
      }),

    async recover() {
      const found = new Map((await driver.list()).map((state) => [state.workspaceId, state]));
      const written = await workspacesToRecover(db);
      for (const workspaceId of written) {
        const row = await inside(workspaceId, (sql) => store.findContainer(sql, workspaceId));
        const state = found.get(workspaceId);
        const runs =
          state && state.ref === row?.containerRef && state.runtimeHash === runtimeHash && state.agentUrl === agentUrl;
        if (runs && driver.outlives && row?.status === 'running' && state.status === 'running') {
          found.delete(workspaceId);
          if (!live.has(workspaceId)) live.set(workspaceId, liveSince(state.ref, now()));
          continue;
        }
        await forget(workspaceId);
      }
      for (const { ref, workspaceId } of found.values()) {
        log.info('A container of an earlier control plane is removed.', { workspaceId });
        await driver.stop(ref, 0);
      }
    },

    async tick() {
      for (const [workspaceId, known] of [...live]) {
        await serial(workspaceId, async () => {
          if (live.get(workspaceId) === known) await look(workspaceId, known);
        }).catch((thrown: unknown) => {
          log.error('A container could not be looked after.', { workspaceId, error: String(thrown) });
        });
      }
    },

    async stopAll() {
      starting.stop();
      const states = await driver.list();
      await Promise.all(
        states.map(({ workspaceId, ref }) =>
          serial(workspaceId, async () => {
            await end(workspaceId, ref, 'stopped', 'control plane stopped');
            await driver.stop(ref, 0); // one that nothing is written about
          }),
        ),
      );
    },
  };
}

function workspacesToRecover(db: Database): Promise<string[]> {
  return store.workspacesIn(db, ['starting', 'running', 'sleeping', 'upgrading', 'stopping']);
}

function reasonOf({ exitCode, outOfMemory }: ContainerExit): string {
  if (outOfMemory) return 'It needed more memory than the plan gives.';
  return exitCode === undefined ? 'It was ended from outside.' : `It ended by itself with exit code ${exitCode}.`;
}
