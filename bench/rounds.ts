import { checkAnswers, type Figure, figureOf, type Load, load } from './measure.ts';
import { type Running, startTarget, TARGETS, type TargetDeps, type TargetName } from './targets/target.ts';
import { WORKLOADS, type WorkloadId } from './workloads/workloads.ts';

export type Pace = {
  rounds: number;
  /** Of load before the first round, for each target and number of connections; it is not counted. */
  warmSeconds: number;
  /** Of load in each round, for each target and number of connections. */
  seconds: number;
  /** Between the first right answer and the look at idle memory. */
  idleMs: number;
  /** Whether containers are measured too, which takes a Docker engine and a minute. */
  containers: boolean;
};

/** What one target did under one workload, round by round. */
export type Measured = {
  workload: WorkloadId;
  connections: number;
  target: TargetName;
  loads: Load[];
};

/** Workloads of a group are measured in the same minutes, because they are compared with each other. */
const GROUPS: WorkloadId[][] = [['w0', 'w2'], ['w1'], ['w3', 'w3b'], ['w4']];

/** Every workload on every target, interleaved: each round loads each target once, beginning with another one. */
export async function measureLoads(pace: Pace, deps: TargetDeps, say: (line: string) => void): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const group of GROUPS) measured.push(...(await measureGroup(group, pace, deps, say)));
  return measured;
}

type Seat = { workload: WorkloadId; target: TargetName; running: Running; answers: Set<string> };

async function measureGroup(
  group: WorkloadId[],
  pace: Pace,
  deps: TargetDeps,
  say: (line: string) => void,
): Promise<Measured[]> {
  const seats: Seat[] = [];
  const measured = new Map<string, Measured>();
  try {
    for (const workload of group) {
      for (const target of TARGETS) {
        const running = await startTarget(target, WORKLOADS[workload], deps);
        seats.push({ workload, target, running, answers: new Set() });
      }
    }
    for (const seat of seats) {
      const workload = WORKLOADS[seat.workload];
      seat.answers = await checkAnswers(seat.running, workload);
      for (const connections of workload.connections)
        await load(seat.running, workload, { connections, seconds: pace.warmSeconds, answers: seat.answers });
    }
    for (let round = 0; round < pace.rounds; round++) {
      say(`${group.map((id) => WORKLOADS[id].title).join('; ')}: round ${round + 1} of ${pace.rounds}`);
      for (const seat of rotated(seats, round)) {
        for (const connections of WORKLOADS[seat.workload].connections) {
          const key = `${seat.workload} ${connections} ${seat.target}`;
          const entry = measured.get(key) ?? { ...seatOf(seat), connections, loads: [] };
          measured.set(key, entry);
          const options = { connections, seconds: pace.seconds, answers: seat.answers };
          entry.loads.push(await load(seat.running, WORKLOADS[seat.workload], options));
        }
      }
    }
  } finally {
    await Promise.all(seats.map(({ running }) => running.stop()));
  }
  return [...measured.values()];
}

const seatOf = ({ workload, target }: Seat) => ({ workload, target });

function rotated<T>(list: readonly T[], by: number): T[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

/** One number of what was measured, in each round; undefined where the machine does not tell it. */
export function eachRound(
  measured: readonly Measured[],
  at: { workload: WorkloadId; connections?: number; target: TargetName },
  what: (load: Load) => number | undefined,
): number[] | undefined {
  const found = measured.find(
    (one) => one.workload === at.workload && one.target === at.target && one.connections === (at.connections ?? 1),
  );
  const values = found?.loads.map(what) ?? [];
  return values.length > 0 && values.every((value) => value !== undefined) ? (values as number[]) : undefined;
}

/**
 * Round by round one divided by the other, so that what changes from minute to minute falls out. Undefined where the
 * other was too little for the clock to see.
 */
export function ratioOf(above: number[] | undefined, below: number[] | undefined): Figure | undefined {
  if (!above || !below || below.includes(0)) return undefined;
  return figureOf(above.map((value, round) => value / (below[round] as number)));
}
