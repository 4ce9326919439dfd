import { diffLines, type Hunk } from './textHunks.ts';

/** Hunks of both sides that meet: from one line of the base up to another. */
type Block = { start: number; end: number; theirs: Hunk[]; ours: Hunk[] };

/**
 * Puts the lines that both changed into one text (diff3). Where changes overlap or stand next to each other, and are not the
 * same, the lines of `theirs` stand and `clash` is true. There are never conflict markers in the text: they would break the
 * script (sync.md 2).
 */
export function mergeText(base: string, theirs: string, ours: string): { text: string; clash: boolean } {
  const lines = base.split('\n');
  const merged: string[] = [];
  let at = 0;
  let clash = false;
  for (const block of blocksOf(diffLines(base, theirs), diffLines(base, ours))) {
    merged.push(...lines.slice(at, block.start));
    const there = linesIn(lines, block, block.theirs);
    const here = linesIn(lines, block, block.ours);
    const isSame = there.length === here.length && there.every((line, i) => line === here[i]);
    if (block.theirs.length > 0 && block.ours.length > 0 && !isSame) clash = true;
    merged.push(...(block.theirs.length > 0 ? there : here));
    at = block.end;
  }
  merged.push(...lines.slice(at));
  return { text: merged.join('\n'), clash };
}

function blocksOf(theirs: Hunk[], ours: Hunk[]): Block[] {
  const all = [
    ...theirs.map((hunk) => ({ hunk, side: 'theirs' as const })),
    ...ours.map((hunk) => ({ hunk, side: 'ours' as const })),
  ].sort((a, b) => a.hunk[0] - b.hunk[0]);
  const blocks: Block[] = [];
  for (const { hunk, side } of all) {
    const [start, removed] = hunk;
    let block = blocks.at(-1);
    if (!block || start > block.end) {
      block = { start, end: start, theirs: [], ours: [] };
      blocks.push(block);
    }
    block[side].push(hunk);
    block.end = Math.max(block.end, start + removed);
  }
  return blocks;
}

/** The lines of a block as one side has them. */
function linesIn(lines: string[], { start, end }: Block, hunks: Hunk[]): string[] {
  const put: string[] = [];
  let at = start;
  for (const [from, removed, added] of hunks) {
    put.push(...lines.slice(at, from), ...added);
    at = from + removed;
  }
  put.push(...lines.slice(at, end));
  return put;
}
