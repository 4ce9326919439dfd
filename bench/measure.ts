import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import autocannon from 'autocannon';
import { cpuMs } from './processTree.ts';
import type { Running } from './targets/target.ts';
import { answerTo, type Workload } from './workloads/workloads.ts';

/** One stretch of load. Times in milliseconds. */
export type Load = {
  requests: number;
  perSecond: number;
  p50: number;
  p99: number;
  /** Of the target's process tree, per request; undefined where the machine does not tell. */
  cpu: number | undefined;
};

/** The median of some rounds, and half of their range as a share of it. */
export type Figure = { median: number; spread: number; rounds: number[] };

const JSON_TYPE = { 'content-type': 'application/json' };
const CHECKS = 3;
const LONGEST_S = 20;

/**
 * Asks a target for each of a workload's answers, several times over, before anything is timed.
 *
 * @returns the answers as the target writes them
 * @throws AssertionError for an answer that is not the one worked out by hand
 */
export async function checkAnswers(target: Pick<Running, 'address'>, workload: Workload): Promise<Set<string>> {
  const texts = new Set<string>();
  for (let again = 0; again < CHECKS; again++) {
    for (const body of workload.bodies) {
      const response = await fetch(target.address, {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify(body),
      });
      const text = await response.text();
      const right = response.status === 200 && isDeepStrictEqual(JSON.parse(text), answerTo(workload, body));
      if (!right) throw wrong(workload, `${response.status} ${text.slice(0, 200)}`);
      texts.add(text);
    }
  }
  return texts;
}

/**
 * Loads a target for a while. Every answer is compared with the right ones; one wrong answer spoils the figure.
 *
 * @param options `answers` are the texts that are right, from `checkAnswers`; `requests`, where given, counts in place of time
 */
export async function load(
  target: Pick<Running, 'address' | 'pid'>,
  workload: Workload,
  options: { connections: number; seconds: number; requests?: number; answers: Set<string> },
): Promise<Load> {
  const times: number[] = [];
  const before = cpuMs(target.pid);
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(
      {
        url: target.address,
        connections: options.connections,
        ...(options.requests === undefined ? { duration: options.seconds } : { amount: options.requests }),
        sampleInt: 100,
        requests: workload.bodies.map((body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })),
        verifyBody: (body) => options.answers.has(String(body)),
      },
      (error, value) => (error ? reject(error) : resolve(value)),
    );
    running.on('response', (_client, _status, _bytes, ms) => times.push(ms));
  });
  const after = cpuMs(target.pid);
  // A slow machine may need longer for even one answer.
  if (times.length === 0 && result.errors === 0 && options.seconds < LONGEST_S) {
    return load(target, workload, { ...options, seconds: Math.min(LONGEST_S, options.seconds * 4) });
  }
  const statuses = Object.entries(result.statusCodeStats ?? {}).map(([status, { count = 0 }]) => [status, count]);
  const allRight =
    result.errors === 0 && result.mismatches === 0 && isDeepStrictEqual(statuses, [['200', times.length]]);
  if (!allRight) {
    throw wrong(workload, `${JSON.stringify(statuses)}, ${result.mismatches} mismatches, ${result.errors} errors`);
  }
  times.sort((a, b) => a - b);
  return {
    requests: times.length,
    perSecond: times.length / result.duration,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: before === undefined || after === undefined ? undefined : (after - before) / times.length,
  };
}

function wrong(workload: Workload, got: string): AssertionError {
  return new AssertionError({ message: `${workload.title} was answered wrongly: ${got}` });
}

/** @param sorted ascending, not empty */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

export function figureOf(rounds: number[]): Figure {
  const sorted = [...rounds].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1
      ? (sorted[Math.floor(middle)] as number)
      : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
  const range = (sorted.at(-1) as number) - (sorted[0] as number);
  return { median, spread: median === 0 ? 0 : range / 2 / median, rounds };
}
