import { z } from 'zod';

/** First line (from 0) in the old text, lines taken out, lines put there. Hunks stand in ascending order. */
export const Hunk = z.tuple([z.int().min(0), z.int().min(0), z.array(z.string().max(500_000))]);
export type Hunk = z.infer<typeof Hunk>;

/** Beyond this many comparisons the middle of a text is replaced as one. */
const MAX_CELLS = 4_000_000;

/** The lines that differ between two texts. */
export function diffLines(before: string, after: string): Hunk[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const oldLines = a.slice(head, a.length - tail);
  const newLines = b.slice(head, b.length - tail);
  if (oldLines.length === 0 && newLines.length === 0) return [];
  if ((oldLines.length + 1) * (newLines.length + 1) > MAX_CELLS) return [[head, oldLines.length, newLines]];
  return hunksOf(oldLines, newLines, head);
}

/** Longest common subsequence by table; the sizes were checked before. */
function hunksOf(a: string[], b: string[], head: number): Hunk[] {
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const below = common[(i + 1) * width + j] as number;
      const right = common[i * width + j + 1] as number;
      common[i * width + j] = a[i] === b[j] ? (common[(i + 1) * width + j + 1] as number) + 1 : Math.max(below, right);
    }
  }
  const hunks: Hunk[] = [];
  let open: Hunk | undefined;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      open = undefined;
      i++;
      j++;
      continue;
    }
    if (!open) {
      open = [head + i, 0, []];
      hunks.push(open);
    }
    const takeOut =
      j === b.length ||
      (i < a.length && (common[(i + 1) * width + j] as number) >= (common[i * width + j + 1] as number));
    if (takeOut) {
      open[1]++;
      i++;
    } else open[2].push(b[j++] as string);
  }
  return hunks;
}

/** The text with its hunks put in, or undefined where they do not fit it. */
export function applyHunks(text: string, hunks: readonly Hunk[]): string | undefined {
  const lines = text.split('\n');
  const parts: string[][] = [];
  let at = 0;
  for (const [start, removed, put] of hunks) {
    if (start < at || start + removed > lines.length || put.some((line) => line.includes('\n'))) return undefined;
    parts.push(lines.slice(at, start), put);
    at = start + removed;
  }
  parts.push(lines.slice(at));
  return parts.flat().join('\n');
}
