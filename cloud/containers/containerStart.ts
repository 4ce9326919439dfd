import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import { Secret } from '#shared/log.ts';
import type { Plan } from '#shared/plan.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Sql } from '../platform/database.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import type { ContainerLimits } from './containerDriver.ts';
import type { ContainerEnd } from './containerEnd.ts';
import type { ContainerStatus } from './containerMoves.ts';
import type { ContainerDeps } from './containerService.ts';
import * as store from './containerStore.ts';
import { type Live, liveSince } from './liveContainer.ts';

const CHAIN = 3;
/** After a broken chain the next try is left to a person or to this much time. */
const COOL_DOWN_MS = 5 * 60_000;
const POLL_MS = 100;

type Start = { bootId: string; said: boolean; helloed: () => void; failed: (reason: Error) => void };

/**
 * Brings containers up: starts them, tries again where one does not come up, and wakes those that sleep.
 *
 * @param live those that this process knows to run
 */
export function createContainerStart(deps: ContainerDeps, live: Map<string, Live>, { fail }: ContainerEnd) {
  const { db, clock, log, metrics, driver, allowances, runtimeHash, agentUrl, startMs = 30_000 } = deps;
  const starts = new Map<string, Start>();
  let stopped = false;
  const started = metrics.counter('sluice_container_starts_total', 'Container starts by outcome.', ['outcome']);
  const seconds = metrics.histogram('sluice_container_start_seconds', 'From the request to the first hello.');
  const now = () => clock.now().getTime();
  const inside = <T>(workspaceId: string, work: (sql: Sql) => Promise<T>) => db.withWorkspaceSql({ workspaceId }, work);

  /** Resolves once the container runs. @throws SluiceError container.not_available, container.start_failed, service.draining */
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
        if (row.containerRef && !live.has(workspaceId)) live.set(workspaceId, liveSince(row.containerRef, now()));
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
      live.set(workspaceId, liveSince(ref, now()));
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
    live.set(workspaceId, liveSince(ref, now()));
    return true;
  }

  return {
    bringUp,
    /** The runtime of a start said hello. */
    helloed(workspaceId: string, bootId: string): void {
      const start = starts.get(workspaceId);
      if (start?.bootId !== bootId) return;
      start.said = true;
      start.helloed();
    },
    /** A container ended. Answers whether it had not said hello yet: then its start fails, and deals with it. */
    hasFailed(workspaceId: string, reason: string): boolean {
      const start = starts.get(workspaceId);
      if (!start || start.said) return false;
      start.failed(new Error(reason));
      return true;
    },
    /** Nothing is started any more. */
    stop(): void {
      stopped = true;
    },
  };
}

export function limitsOf(plan: Plan): ContainerLimits {
  return { ramBytes: plan.containerRamBytes, cpu: plan.containerCpu, storageBytes: plan.storageBytes };
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
