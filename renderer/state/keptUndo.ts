import { z } from 'zod';
import { Uuid } from '#shared/ids.ts';
import { applyOps, diffTrees, Op } from '#shared/merge/ops.ts';
import { Tree } from '#shared/workflow/tree.ts';
import type { HistoryEntry } from './documentSlice.ts';

/** What a window can undo and redo in a project, and who did it. */
export type Undoable = { userId: string; projectId: string; undoStack: HistoryEntry[]; redoStack: HistoryEntry[] };

/** One tree, and how each of the others follows from the one before it: two of an entry, the undone ones after the done. */
const Kept = z.strictObject({
  userId: Uuid,
  projectId: Uuid,
  undoCount: z.int().min(0),
  first: Tree,
  steps: z.array(z.array(Op)),
});

const MOST_ENTRIES = 40;
/** Browsers keep a few megabytes for a tab. */
const MOST_LETTERS = 1_500_000;

/** As a text that outlives the page, with as many of the last edits as fit; nothing where there is none. */
export function packUndo({ userId, projectId, undoStack, redoStack }: Undoable): string | undefined {
  for (let most = MOST_ENTRIES; most > 0; most = Math.floor(most / 2)) {
    const undos = undoStack.slice(-most);
    const trees = [...undos, ...redoStack.slice(-most)].flatMap(({ before, after }) => [before, after]);
    const [first, ...others] = trees;
    if (!first) return undefined;
    const steps = others.map((tree, at) => diffTrees(trees[at] ?? first, tree).ops);
    const text = JSON.stringify({ userId, projectId, undoCount: undos.length, first, steps });
    if (text.length <= MOST_LETTERS) return text;
  }
  return undefined;
}

/** Reads it again. Nothing where it is not a text of `packUndo`. */
export function unpackUndo(text: string): Undoable | undefined {
  try {
    const { userId, projectId, undoCount, first, steps } = Kept.parse(JSON.parse(text));
    const trees = [first];
    for (const ops of steps) trees.push(applyOps(trees.at(-1) ?? first, ops));
    const entries: HistoryEntry[] = [];
    for (let at = 0; at + 1 < trees.length; at += 2) {
      const [before, after] = trees.slice(at, at + 2);
      if (before && after) entries.push({ before, after, at: 0 });
    }
    return { userId, projectId, undoStack: entries.slice(0, undoCount), redoStack: entries.slice(undoCount) };
  } catch {
    return undefined;
  }
}
