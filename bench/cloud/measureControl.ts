import { setTimeout as pause } from 'node:timers/promises';
import { createDice } from '../../tests/fuzz/dice.ts';
import { percentile } from '../measure.ts';
import { cpuMs } from '../processTree.ts';
import { type Answers, askAtPace } from './askAtPace.ts';
import { ASKED } from './asks.ts';
import { createCaller, openFeeds } from './connections.ts';
import type { ControlPlane } from './controlPlane.ts';
import { CLASSES, classifiedCalls, type RouteClass } from './routeClasses.ts';
import type { Tenant } from './tenants.ts';

export type ClassRow = { is: RouteClass; requests: number; p50: number; p95: number; p99: number };
export type RouteRow = { name: string; requests: number; p50: number; p95: number };

export type Control = {
  workspaces: number;
  /** WebSockets on the feed that were wanted, and those that were still open at the end. */
  wanted: number;
  connections: number;
  perSecond: number;
  seconds: number;
  seed: string;
  classes: ClassRow[];
  routes: RouteRow[];
  /** Calls of the registry that were asked, of so many. */
  asked: number;
  of: number;
  requests: number;
  errors: { share: number; what: Record<string, number> };
  /** How late the asking side was, milliseconds (p99). */
  lateMs: number;
  /** Of its process for one request, with what it does besides, milliseconds; without Postgres. */
  cpuMs?: number;
  /** MiB a minute between the start of the load and its end, rubbish collected. */
  heapMiBPerMinute: number;
  heapMiB: { before: number; after: number };
  /** Sockets and the like: before anybody was connected, before and after the load, and when all had gone. */
  handles: { atRest: number; before: number; after: number; gone: number };
  limitsIn: ControlPlane['limitsIn'];
};

export type ControlPace = {
  connections: number;
  perSecond: number;
  seconds: number;
  warmSeconds: number;
  seed: string;
};

const MIB = 1_048_576;
/** Longer than idle connections of people and to the database are kept. */
const IDLE_MS = 12_000;

/** People of many workspaces ask everything there is, while their desktops are connected to the feed. */
export async function measureControl(
  plane: ControlPlane,
  tenants: readonly Tenant[],
  pace: ControlPace,
  say: (line: string) => void,
): Promise<Control> {
  const { connections, perSecond, seconds, warmSeconds, seed } = pace;
  await pause(IDLE_MS);
  const atRest = await plane.held();
  say(`Opening ${connections} connections`);
  const feeds = await openFeeds(plane, tenants, connections);
  const caller = createCaller(plane);
  const dice = createDice(seed);
  try {
    say(`Warming up: ${perSecond} requests a second for ${warmSeconds} s`);
    await askAtPace(caller, tenants, dice, { perSecond, seconds: warmSeconds });
    await pause(IDLE_MS);
    const before = await plane.held();
    const cpuBefore = cpuMs(plane.pid);
    say(`${perSecond} requests a second for ${seconds} s`);
    const answers = await askAtPace(caller, tenants, dice, { perSecond, seconds });
    const stillOpen = feeds.open();
    const cpuAfter = cpuMs(plane.pid);
    await pause(IDLE_MS);
    const after = await plane.held();
    caller.close();
    await feeds.close();
    await pause(IDLE_MS);
    const gone = await plane.held();
    const calls = classifiedCalls();
    return {
      ...{ workspaces: tenants.length, wanted: connections, connections: stillOpen, perSecond, seconds, seed },
      ...summed(answers),
      ...{ asked: ASKED.length, of: calls.length },
      cpuMs: cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) / answers.asked,
      heapMiBPerMinute: ((after.heapBytes - before.heapBytes) / MIB / seconds) * 60,
      heapMiB: { before: before.heapBytes / MIB, after: after.heapBytes / MIB },
      handles: { atRest: atRest.handles, before: before.handles, after: after.handles, gone: gone.handles },
      limitsIn: plane.limitsIn,
    };
  } finally {
    caller.close();
    await feeds.close();
  }
}

/** What answers come to. */
export function summed(answers: Answers): Pick<Control, 'classes' | 'routes' | 'requests' | 'errors' | 'lateMs'> {
  const what: Record<string, number> = {};
  for (const error of answers.errors) {
    const line = `${error.name}: ${error.what}`;
    what[line] = (what[line] ?? 0) + 1;
  }
  const at = (times: number[], share: number) => (times.length === 0 ? 0 : percentile(times, share));
  const sorted = (times: number[] = []) => [...times].sort((a, b) => a - b);
  return {
    classes: (Object.keys(CLASSES) as RouteClass[]).map((is) => {
      const times = sorted(answers.times.get(is));
      return { is, requests: times.length, p50: at(times, 0.5), p95: at(times, 0.95), p99: at(times, 0.99) };
    }),
    routes: [...answers.byName]
      .map(([name, all]) => {
        const times = sorted(all);
        return { name, requests: times.length, p50: at(times, 0.5), p95: at(times, 0.95) };
      })
      .sort((a, b) => b.p95 - a.p95),
    requests: answers.asked,
    errors: { share: answers.errors.length / Math.max(1, answers.asked), what },
    lateMs: at(sorted(answers.lateMs), 0.99),
  };
}
