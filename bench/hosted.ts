import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { installationOf } from '../cloud/containers/containers.ts';
import { findEngine } from '../cloud/containers/docker/engine.ts';
import { checkAnswers, load } from './measure.ts';
import type { Measured, Pace } from './rounds.ts';
import { clearEngine } from './targets/clearEngine.ts';
import { type Running, startHosted, startTarget, type TargetDeps } from './targets/target.ts';
import { WORKLOADS } from './workloads/workloads.ts';

export type Hosted = { driver: 'docker' | 'process'; measured: Measured[] };

/** As many as the workspace's plan lets run at once. */
const CONNECTIONS = [1, 5];
/** Of each round and number of connections: together fewer than a day of the plan. */
const REQUESTS = 150;
const MOST_ROUNDS = 6;
const WARM_REQUESTS = 60;

/** W1 through the control plane and a workspace's container, beside plain node:http and `sluice serve`. */
export async function measureHosted(pace: Pace, deps: TargetDeps, say: (line: string) => void): Promise<Hosted> {
  const docker = process.platform === 'linux' ? await findEngine(2_000) : undefined;
  const driver = docker ? 'docker' : 'process';
  const dataDir = mkdtempSync(join(deps.scratch, 'hosted-'));
  const workload = WORKLOADS.w1;
  const seats: { target: Measured['target']; running: Running; answers: Set<string> }[] = [];
  const take = async (target: Measured['target'], starting: Promise<Running>) => {
    const running = await starting;
    seats.push({ target, running, answers: new Set() });
  };
  const measured = new Map<string, Measured>();
  try {
    say('Starting the control plane');
    await take('hosted', startHosted(driver, dataDir));
    await take('plain', startTarget('plain', workload, deps));
    await take('recorded', startTarget('recorded', workload, deps));
    for (const seat of seats) {
      seat.answers = await checkAnswers(seat.running, workload);
      const options = { connections: 1, seconds: 0, requests: WARM_REQUESTS, answers: seat.answers };
      await load(seat.running, workload, options);
    }
    for (let round = 0; round < Math.min(pace.rounds, MOST_ROUNDS); round++) {
      say(`W1 through the control plane: round ${round + 1} of ${Math.min(pace.rounds, MOST_ROUNDS)}`);
      for (const { target, running, answers } of seats) {
        for (const connections of CONNECTIONS) {
          const entry = measured.get(`${target} ${connections}`) ?? { workload: 'w1', connections, target, loads: [] };
          measured.set(`${target} ${connections}`, entry);
          const requests = target === 'hosted' ? REQUESTS : undefined;
          entry.loads.push(await load(running, workload, { connections, seconds: pace.seconds, requests, answers }));
        }
      }
    }
  } finally {
    await Promise.all(seats.map(({ running }) => running.stop()));
    if (docker) await clearEngine(docker, installationOf(dataDir));
  }
  return { driver, measured: [...measured.values()] };
}
