import type { Logger } from '#shared/log.ts';
import type { FullAllowances } from '../billing/allowances.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { EgressTraffic } from './egressProxy.ts';

type TrafficDeps = { db: Database; clock: Clock; log: Logger; allowances: Pick<FullAllowances, 'countTraffic'> };

const FLUSH_MS = 5_000;

/** Gathers what the proxy reports, and counts it a few seconds later in one transaction per workspace. */
export function createTrafficCounter({ db, clock, log, allowances }: TrafficDeps) {
  let waiting: EgressTraffic[] = [];
  let flushing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();

  function flush(): Promise<void> {
    flushing = flushing.then(write);
    return flushing;
  }

  async function write(): Promise<void> {
    const byWorkspace = Map.groupBy(waiting, ({ workspaceId }) => workspaceId);
    waiting = [];
    for (const [workspaceId, traffic] of byWorkspace) {
      const reports = traffic.map(({ id, bytesOut }) => ({ sourceId: `egress:${id}`, bytes: bytesOut }));
      try {
        await db.withWorkspaceSql({ workspaceId }, (sql) =>
          allowances.countTraffic(sql, workspaceId, reports, clock.now()),
        );
      } catch (thrown) {
        log.error('Traffic could not be counted; it is tried again.', { workspaceId, error: String(thrown) });
        if (waiting.length < 10_000) waiting.push(...traffic);
      }
    }
  }

  return {
    add: (traffic: EgressTraffic) => void waiting.push(traffic),
    async close(): Promise<void> {
      clearInterval(timer);
      await flush();
    },
  };
}
