import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import { type Logger, Secret } from '#shared/log.ts';
import type { Plan } from '#shared/plan.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Sql } from '../platform/database.ts';
import type { Metrics } from '../platform/metrics.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import type { Allowances, ContainerService } from '../runs/ports.ts';
import type { ContainerDriver, ContainerExit, ContainerLimits } from './containerDriver.ts';
import type { ContainerStatus } from './containerMoves.ts';
import * as store from './containerStore.ts';
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

const CHAIN = 3;
/** After a broken chain the next try is left to a person or to this much time. */
const COOL_DOWN_MS = 5 * 60_000;
const STEADY_MS = 60_000;
const GRACE_MS = 10_000;
const POLL_MS = 100;
const TOUCH_MS = 10_000;
const QUIET_MS = 90_000;
const DEAD_MS = 180_000;

type Start = { bootId: string; said: boolean; helloed: () => void; failed: (reason: Error) => void };
type Live = { ref: string; seenAt: number | undefined; touchedAt: number };

/**
 * Keeps one container per workspace, as its runs need it. Only one control plane process may own a driver; every move
 * is a compare-and-set all the same, so that a second one does no harm.
 */
export function createContainerService(deps: ContainerDeps): FullContainerService {
  const { db, clock, log, metrics, driver, allowances, runtimeHash, agentUrl, startMs = 30_000 } = deps;
  const serial = createSerial();
  const starts = new Map<string, Start>();
  const live = new Map<string, Live>();
  const asked = new Map<string, Promise<void>>();
  const listeners = new Set<(workspaceId: string) => void>();
  let stopped = false;
  const started = metrics.counter('sluice_container_starts_total', 'Container starts by outcome.', ['outcome']);
  const seconds = metrics.histogram('sluice_container_start_seconds', 'From the request to the first hello.');
  const gone = metrics.counter('sluice_container_exits_total', 'Containers that ended by themselves.', ['reason']);
  const now = () => clock.now().getTime();
  const inside = <T>(workspaceId: string, work: (sql: Sql) => Promise<T>) => db.withWorkspaceSql({ workspaceId }, work);

  async function bringUp(workspaceId: string): Promise<void> {
    const until = Date.now() + 2 * startMs;
    let failures = 0;
    for (;;) {
      if (stopped) throw new SluiceError('service.draining', 'This process is stopping.');
      const { row, plan } = await inside(workspaceId, async (sql) => {
        const plan = await allowances.planOf(sql, workspaceId);
        return { plan, row: await store.openContainer(sql, workspaceId, plan, driver.name) };
      });
      if (row.status === 'running') {
        remember(workspaceId, row.containerRef);
        return;
      }
      if (row.status === 'suspended') {
        throw new SluiceError('container.not_available', 'The container of this workspace is suspended.', {
          advice: 'Pay the open invoice, or write to support.',
        });
      }
      if (row.status === 'sleeping' && row.containerRef && (await wake(workspaceId, row.containerRef))) return;
      const cooling = now() - row.updatedAt.getTime() < COOL_DOWN_MS;
      if (row.status === 'error' && row.restarts >= CHAIN && (cooling || failures > 0)) {
        throw new SluiceError(
          'container.start_failed',
          `The container ended ${CHAIN} times in a row: ${row.error ?? 'no reason given'}`,
          {
            advice: 'Look at the logs of the last runs. It is tried again in a few minutes.',
          },
        );
      }
      const startable: ContainerStatus[] = ['stopped', 'error', 'sleeping'];
      if (startable.includes(row.status)) {
        if (await start(workspaceId, row, plan)) return;
        failures++;
      } else if (Date.now() > until) {
        // Somebody else moves it, and does not come to an end.
        throw new SluiceError('container.not_available', `The container is ${row.status} for too long.`);
      }
      await sleep(POLL_MS * (1 + row.restarts));
    }
  }

  /** One start. Answers whether the runtime said hello; a failure is written down. */
  async function start(workspaceId: string, row: store.ContainerRow, plan: Plan): Promise<boolean> {
    const bootId = uuidv7();
    const secret = newToken(`slb_${workspaceId}`);
    const began = performance.now();
    const freshChain = row.status === 'error' && row.restarts >= CHAIN ? { restarts: 0 } : {};
    const moved = await inside(workspaceId, async (sql) => {
      const change = { ref: null, error: null, runtimeHash, driver: driver.name, ...freshChain };
      if (!(await store.moveContainer(sql, workspaceId, [row.status], 'starting', change))) return false;
      await store.setSizes(sql, workspaceId, plan);
      await store.beginBoot(sql, { workspaceId, containerId: row.id, bootId, secretHash: hashToken(secret) });
      return true;
    });
    if (!moved) return false;
    const hello = new Promise<void>((helloed, failed) => {
      starts.set(workspaceId, { bootId, said: false, helloed, failed });
    });
    hello.catch(() => {}); // heard below, after the driver has answered
    let ref: string | undefined;
    try {
      const spec = {
        workspaceId,
        containerId: row.id,
        bootSecret: new Secret(secret),
        agentUrl,
        limits: limitsOf(plan),
        runtimeHash,
      };
      ref = (await driver.start(spec)).ref;
      const known = ref;
      await inside(workspaceId, (sql) => store.keepRef(sql, workspaceId, bootId, known));
      await withTimeout(hello, startMs, 'The runtime did not say hello.');
      live.set(workspaceId, { ref, seenAt: undefined, touchedAt: now() });
      await inside(workspaceId, async (sql) => {
        await store.markActive(sql, workspaceId, clock.now());
        const metadata = { driver: driver.name, runtimeHash };
        await recordAudit(
          sql,
          { workspaceId },
          { action: 'container.start', resource: 'container', resourceId: row.id, metadata },
        );
      });
      started.inc({ outcome: 'ok' });
      seconds.observe((performance.now() - began) / 1_000);
      log.info('container started', {
        workspaceId,
        containerId: row.id,
        driver: driver.name,
        durationMs: Math.round(performance.now() - began),
      });
      return true;
    } catch (thrown) {
      started.inc({ outcome: 'failed' });
      const { message } = thrown instanceof Error ? thrown : new Error(String(thrown));
      log.error('A container did not start.', { workspaceId, containerId: row.id, error: message });
      if (ref)
        await driver
          .stop(ref, 0)
          .catch((error: unknown) =>
            log.error('A container that did not start could not be removed.', { workspaceId, error: String(error) }),
          );
      await fail(workspaceId, message, { alwaysCounts: true });
      return false;
    } finally {
      starts.delete(workspaceId);
    }
  }

  async function wake(workspaceId: string, ref: string): Promise<boolean> {
    const moved = await inside(workspaceId, (sql) => store.moveContainer(sql, workspaceId, ['sleeping'], 'starting'));
    if (!moved) return false;
    try {
      await driver.unpause(ref);
    } catch (thrown) {
      log.warn('A sleeping container could not be woken; it is started anew.', { workspaceId, error: String(thrown) });
      await driver.stop(ref, 0).catch(() => {});
      await fail(workspaceId, 'It was gone when it should have been woken.', { alwaysCounts: false });
      return false;
    }
    await inside(workspaceId, async (sql) => {
      await store.moveContainer(sql, workspaceId, ['starting'], 'running');
      await store.markActive(sql, workspaceId, clock.now());
    });
    live.set(workspaceId, { ref, seenAt: undefined, touchedAt: now() });
    return true;
  }

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
    for (const listener of listeners) listener(workspaceId);
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

  function remember(workspaceId: string, ref: string | undefined): void {
    if (ref && !live.has(workspaceId)) live.set(workspaceId, { ref, seenAt: undefined, touchedAt: now() });
  }

  async function exited(exit: ContainerExit): Promise<void> {
    const { workspaceId, ref } = exit;
    const reason = reasonOf(exit);
    const start = starts.get(workspaceId);
    // Before its hello the start itself deals with it; after it, we do when the start is written down.
    if (start && !start.said) {
      start.failed(new Error(reason));
      return;
    }
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
      const asking = serial(workspaceId, () => bringUp(workspaceId)).finally(() => asked.delete(workspaceId));
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
      const start = starts.get(workspaceId);
      if (start?.bootId === boot.bootId) {
        start.said = true;
        start.helloed();
      }
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
          remember(workspaceId, state.ref);
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
      stopped = true;
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

function limitsOf(plan: Plan): ContainerLimits {
  return { ramBytes: plan.containerRamBytes, cpu: plan.containerCpu, storageBytes: plan.storageBytes };
}

function reasonOf({ exitCode, outOfMemory }: ContainerExit): string {
  if (outOfMemory) return 'It needed more memory than the plan gives.';
  return exitCode === undefined ? 'It was ended from outside.' : `It ended by itself with exit code ${exitCode}.`;
}

function withTimeout(work: Promise<void>, ms: number, message: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
