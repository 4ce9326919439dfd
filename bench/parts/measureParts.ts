import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Figure, figureOf } from '../measure.ts';
import { type Pace, ratioOf } from '../rounds.ts';
import { PARTS } from './parts.ts';

export type PartRow = {
  title: string;
  byHand: string;
  per: string;
  oursMs: Figure;
  byHandMs: Figure;
  ratio?: Figure;
  more?: Record<string, number>;
  gate?: { of: string; most: number };
};

const program = fileURLToPath(new URL('./main.ts', import.meta.url));
const MOST_MS = 600_000;

/** Each part beside its limit, in a process of its own, one after the other. @throws for a wrong result */
export async function measureParts(
  pace: Pace,
  { scratch }: { scratch: string },
  say: (line: string) => void,
): Promise<PartRow[]> {
  const rows: PartRow[] = [];
  const quick = pace.warmSeconds < 1;
  for (const [place, { title, byHand, per, gate }] of PARTS.entries()) {
    say(title);
    const args = [program, String(place), String(pace.rounds), join(scratch, `part-${place}`), quick ? 'quick' : ''];
    // As the runtime itself is started.
    const flags = ['--disallow-code-generation-from-strings', '--disable-proto=delete'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...args], { timeout: MOST_MS });
    const told = JSON.parse(stdout) as { ours: number[]; byHand: number[]; more?: Record<string, number> };
    const ratio = ratioOf(told.ours, told.byHand);
    rows.push({
      ...{ title, byHand, per, oursMs: figureOf(told.ours), byHandMs: figureOf(told.byHand) },
      ...(ratio ? { ratio } : {}),
      ...(told.more ? { more: told.more } : {}),
      ...(gate ? { gate } : {}),
    });
  }
  return rows;
}
