import type { DeployDeps } from '../deployments/deploy.ts';
import { deployTick } from '../deployments/deployTick.ts';
import type { RunQueue } from '../platform/queue.ts';
import type { ContainerService } from '../runs/ports.ts';
import { type ScheduleDeps, scheduleTick } from '../schedules/scheduleTick.ts';
import { startLoop } from './loop.ts';
import { type ReconcileDeps, reconcile, resumeDue } from './reconcile.ts';
import { createWaker } from './waker.ts';

export type WorkerDeps = DeployDeps &
  ScheduleDeps &
  Omit<ReconcileDeps, 'wake'> & { queue: RunQueue; containers: Pick<ContainerService, 'onGone'> };

export type Worker = {
  /** Claims nothing more; resolves when what it was doing is done. */
  stop(): Promise<void>;
};

/** A schedule fires, and a sleeping run goes on, within this and the time it takes. */
const TICK_MS = 500;
const RECONCILE_MS = 3_000;

/** Dispatch, schedules, deployments, reconciler. Any number of processes may run it: whatever one does is claimed first. */
export async function startWorker(deps: WorkerDeps): Promise<Worker> {
  const { queue, signals, logger } = deps;
  const waker = createWaker(deps);
  // A container that starts slowly holds up nobody else's runs.
  const wake = (workspaceId: string) => void waker(workspaceId);
  await queue.work(({ workspaceId }) => waker(workspaceId), { concurrency: 20 });

  const underWay = new Set<Promise<void>>();
  async function deployments(): Promise<void> {
    for (const one of await deployTick(deps)) {
      underWay.add(one);
      one.finally(() => underWay.delete(one));
    }
  }

  const loops = {
    schedules: startLoop('schedules', TICK_MS, () => scheduleTick(deps), logger),
    waits: startLoop('waits', TICK_MS, () => resumeDue({ ...deps, wake }), logger),
    deployments: startLoop('deployments', RECONCILE_MS, deployments, logger),
    reconciler: startLoop('reconciler', RECONCILE_MS, () => reconcile({ ...deps, wake }), logger),
  };
  const stopListening = signals.subscribe((signal) => {
    if (signal.kind === 'deploy') loops.deployments.kick();
  });
  // What a dead container held is taken up at once, not when its leases run out.
  const stopMourning = deps.containers.onGone(() => loops.reconciler.kick());

  return {
    async stop() {
      stopListening();
      stopMourning();
      await queue.stopWork();
      await Promise.all(Object.values(loops).map((loop) => loop.stop()));
      await Promise.all(underWay);
    },
  };
}
