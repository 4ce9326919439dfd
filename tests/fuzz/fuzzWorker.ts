import { parentPort, workerData } from 'node:worker_threads';
import { SluiceError } from '#shared/error.ts';
import { changedGlobal, isPolluted, rememberGlobals } from './globals.ts';
import { PARSERS } from './parsers.ts';
import { VALUES } from './values.ts';

export type FuzzTask = { parser: string; seed: string; from: number; count: number; hangMs: number };
export type FuzzFault = { parser: string; seed: string; index: number; what: string; input: string };
export type FuzzReport = { results: number; refusals: number; slowestMs: number; faults: FuzzFault[] };

const LOOK_EVERY = 500;

/** The number of the input that is read just now, for the host to watch. */
const at = new Int32Array(workerData as SharedArrayBuffer);

/** Reads its share of inputs, one after the other, and tells what broke a promise. */
async function work({ parser: name, seed, from, count, hangMs }: FuzzTask): Promise<FuzzReport> {
  const parser = [...PARSERS, ...VALUES].find((one) => one.name === name);
  if (!parser) throw new TypeError(`There is no parser ${name}.`);
  const report: FuzzReport = { results: 0, refusals: 0, slowestMs: 0, faults: [] };
  // What is loaded when it is first needed changes globals by right.
  for (let index = 0; index < 20; index++) await once(parser.read, parser.inputs(seed, index));
  rememberGlobals();

  for (let index = from; index < from + count; index++) {
    Atomics.store(at, 0, index);
    const input = parser.inputs(seed, index);
    const fault = (what: string) =>
      report.faults.push({ parser: name, seed, index, what, input: input.slice(0, 2_000) });
    let { ms, thrown } = await once(parser.read, input);
    // Compiling and collecting count as well, so what was slow is asked again: slow three times is slow.
    for (let more = 0; more < 2 && ms > hangMs; more++) ms = Math.min(ms, (await once(parser.read, input)).ms);
    report.slowestMs = Math.max(report.slowestMs, ms);
    if (ms > hangMs) fault(`took ${Math.round(ms)} ms`);
    if (thrown === undefined) report.results++;
    else if (thrown instanceof SluiceError && thrown.code !== 'internal' && thrown.message !== '') report.refusals++;
    else fault(thrown instanceof Error ? (thrown.stack ?? thrown.message).slice(0, 1_500) : String(thrown));
    const changed =
      isPolluted() || index % LOOK_EVERY === 0 || index === from + count - 1 ? changedGlobal() : undefined;
    if (changed) {
      fault(`a global was changed, by this or one of ${LOOK_EVERY} before: ${changed}`);
      break;
    }
    if (report.faults.length > 20) break;
  }
  return report;
}

/** How much of the processor's time an input takes: on a machine that others use, the clock says little. */
async function once(read: (input: string) => unknown, input: string): Promise<{ ms: number; thrown?: unknown }> {
  const before = process.threadCpuUsage();
  let thrown: unknown;
  try {
    await read(input);
  } catch (error) {
    thrown = error ?? new TypeError('Nothing was thrown.');
  }
  const { user, system } = process.threadCpuUsage(before);
  return { ms: (user + system) / 1_000, thrown };
}

parentPort?.on('message', async (task: FuzzTask) => parentPort?.postMessage(await work(task)));
