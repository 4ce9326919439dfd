import { diffLines } from '#shared/merge/textHunks.ts';

export type Run = { text: string; changed: boolean };

/** The text in runs of words, those marked that the other text has not. Both may be of any length. */
export function wordRuns(before: string, after: string): Run[] {
  const words = split(after);
  const changed = new Set<number>();
  let shift = 0;
  // Words stand in for lines; a line break inside a word would end it.
  for (const [start, removed, put] of diffLines(asLines(split(before)), asLines(words))) {
    const at = start + shift;
    for (let i = 0; i < put.length; i++) changed.add(at + i);
    shift += put.length - removed;
  }
  const runs: Run[] = [];
  words.forEach((text, index) => {
    const last = runs.at(-1);
    if (last && last.changed === changed.has(index)) last.text += text;
    else runs.push({ text, changed: changed.has(index) });
  });
  return runs;
}

const split = (text: string): string[] => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
const asLines = (words: string[]): string => words.map((word) => word.replaceAll('\n', '\u0001')).join('\n');
