import { diffLines } from '#shared/merge/textHunks.ts';

/** A line of two texts side by side: on one side, on both, or so many equal ones that are folded away. */
export type LineRow =
  | { kind: 'same'; left: number; right: number; text: string }
  | { kind: 'changed'; left?: { line: number; text: string }; right?: { line: number; text: string } }
  | { kind: 'folded'; count: number; from: number };

const AROUND = 3;

/**
 * Two texts side by side. Equal lines away from every change are folded, unless so few that the fold would take as much
 * room.
 *
 * @param open folds, by the number of their first line on the left, that are shown whole
 */
export function lineRows(before: string, after: string, open: ReadonlySet<number> = new Set()): LineRow[] {
  const a = before === '' ? [] : before.split('\n');
  const b = after === '' ? [] : after.split('\n');
  const hunks = before === '' || after === '' ? wholeText(a, b) : diffLines(before, after);
  const rows: LineRow[] = [];
  let left = 0;
  let right = 0;
  const equal = (until: number, first: boolean, last: boolean) => {
    const count = until - left;
    const head = first ? 0 : AROUND;
    const tail = last ? 0 : AROUND;
    const folds = count - head - tail > 2 && !open.has(left + head + 1);
    for (let i = 0; i < count; i++) {
      if (folds && i === head) {
        rows.push({ kind: 'folded', count: count - head - tail, from: left + 1 });
        i += count - head - tail - 1;
        left += count - head - tail;
        right += count - head - tail;
        continue;
      }
      rows.push({ kind: 'same', left: left + 1, right: right + 1, text: a[left] ?? '' });
      left++;
      right++;
    }
  };
  hunks.forEach(([start, removed, put], index) => {
    equal(start, index === 0, false);
    for (let i = 0; i < Math.max(removed, put.length); i++) {
      rows.push({
        kind: 'changed',
        ...(i < removed ? { left: { line: left + i + 1, text: a[left + i] ?? '' } } : {}),
        ...(i < put.length ? { right: { line: right + i + 1, text: put[i] ?? '' } } : {}),
      });
    }
    left += removed;
    right += put.length;
  });
  equal(a.length, hunks.length === 0, true);
  return rows;
}

function wholeText(a: string[], b: string[]): [number, number, string[]][] {
  return a.length + b.length === 0 ? [] : [[0, a.length, b]];
}
