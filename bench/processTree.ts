import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

type Stat = { pid: number; parent: number; ticks: number };

let ticksPerSecond: number | undefined;

/**
 * User and system time of a process and all that it started, in milliseconds; what has ended counts with its parent.
 * Undefined where there is no /proc.
 */
export function cpuMs(pid: number): number | undefined {
  const tree = treeOf(pid);
  if (!tree) return undefined;
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return (tree.reduce((sum, { ticks }) => sum + ticks, 0) * 1_000) / ticksPerSecond;
}

/** Resident memory of the process itself, and the proportional share of the whole tree, in bytes. */
export function memory(pid: number): { rss: number; pssOfTree: number; processes: number } | undefined {
  const tree = treeOf(pid);
  if (!tree) return undefined;
  return {
    rss: kilobytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS') * 1_024,
    pssOfTree: tree.reduce((sum, one) => sum + pssOf(one.pid), 0) * 1_024,
    processes: tree.length,
  };
}

function pssOf(pid: number): number {
  return kilobytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss');
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
}

/** A process and its descendants, the process first. */
function treeOf(pid: number): Stat[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? []);
  const root = all.find((one) => one.pid === pid);
  const found = root ? [root] : [];
  for (const parent of found) found.push(...all.filter((one) => one.parent === parent.pid));
  return found;
}

/** A process that ended meanwhile is none. */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in brackets and may hold anything; the fields after it begin with the third.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number);
    return { pid, parent: Number(fields[1]), ticks: user + system + childUser + childSystem };
  } catch {
    return undefined;
  }
}
