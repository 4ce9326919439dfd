import { mkdirSync } from 'node:fs';
import { PARTS } from './parts.ts';

/** Measures one part in a process of its own. Arguments: its place in the list, rounds, a folder, and `quick` or nothing. */
const [place = '', rounds = '3', scratch = '', pace = ''] = process.argv.slice(2);
const part = PARTS[Number(place)];
if (!part) throw new TypeError(`There is no part ${place}.`);
mkdirSync(scratch, { recursive: true });
const prepared = await part.prepare(scratch, pace === 'quick');
const ours: number[] = [];
const byHand: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  ours.push(await prepared.ours());
  byHand.push(await prepared.byHand());
}
const more = await prepared.more?.();
await prepared.close?.();
process.stdout.write(`${JSON.stringify({ ours, byHand, more })}\n`);
process.exit(0);
