import { SluiceError } from '../error.ts';
import type { Hash } from '../ids.ts';
import type { Json } from '../json.ts';
import { merkleHash } from '../workflow/hash.ts';
import { getIn, setIn } from '../workflow/plainData.ts';
import { parseEdge, type Tree } from '../workflow/tree.ts';
import type { Conflict, ConflictChoice } from './conflict.ts';
import { mergeText } from './mergeText.ts';
import { tornParts } from './structure.ts';
import { putAt } from './trees.ts';

/** What somebody answers to a conflict. `value`: with `edit`, what shall stand there; absent: nothing. */
export type Decision = { choice: ConflictChoice; value?: Json };

/**
 * The tree with a conflict decided. The answer that stands already stays as it is now, whatever was changed there since;
 * another one is put in its place. A step goes with its edges, its place and its pin, a workflow with its pins; of a
 * script only the lines that met are replaced.
 *
 * @param seen `placeHash` of the place as whoever decides saw it: nothing is replaced that nobody looked at. Absent: they
 *   look at this very tree.
 * @throws SluiceError conflict.place_changed: with `details.was`, to be given as `seen`, where the place is another one
 *   now; without it where the answer does not fit the project any more
 */
export function decide(tree: Tree, conflict: Conflict, { choice, value: edited }: Decision, seen?: Hash): Tree {
  const { path, kind, chosen } = conflict;
  // Where both stand, ours is in.
  if (choice === chosen || (chosen === 'both' && choice === 'ours')) return tree;
  const now = placeHash(tree, path);
  const isSeen = seen === undefined || seen === now;
  if (kind === 'text' && choice === 'ours') return withOurLines(tree, conflict, isSeen);
  if (!isSeen) throw placeChanged(path, now);
  const value = choice === 'edit' ? edited : conflict[choice];
  const next = value === undefined ? without(tree, path) : putAt(tree, path, value);
  if (next === undefined) throw noLongerFits(path);
  if (next !== tree && tornParts(next).length > tornParts(tree).length) throw noLongerFits(path);
  return next;
}

/** Of all that a decision about a place would replace: what stands there, and what would go away with it. Where a box is does not count. */
export function placeHash(tree: Tree, path: readonly string[]): Hash {
  const value = getIn(tree, path);
  const step = stepAt(path);
  if (step) {
    const pin = getIn(tree, ['pins', step.workflowId, step.stepId]);
    return merkleHash({ value, pin, edges: edgesOf(tree, step).sort() });
  }
  if (!isWorkflow(path) || value === undefined) return merkleHash({ value });
  return merkleHash({ value: { ...(value as object), layout: {} }, pins: getIn(tree, ['pins', path[1] ?? '']) });
}

const isWorkflow = (path: readonly string[]) => path.length === 2 && path[0] === 'workflows';

/** The step that a path is, rather than something inside of one. */
function stepAt([kind, workflowId, section, stepId, ...deeper]: readonly string[]) {
  const isStep = kind === 'workflows' && section === 'steps' && stepId !== undefined && deeper.length === 0;
  return isStep && workflowId !== undefined ? { workflowId, stepId } : undefined;
}

function edgesOf(tree: Tree, { workflowId, stepId }: { workflowId: string; stepId: string }): string[] {
  return Object.keys(tree.workflows[workflowId]?.edges ?? {}).filter((key) => {
    const { from, to } = parseEdge(key);
    return from === stepId || to === stepId;
  });
}

/** The lines of ours where both changed them, and all other changes of both, and those that came after. */
function withOurLines(tree: Tree, { path, base, theirs, ours }: Conflict, isSeen: boolean): Tree {
  const now = getIn(tree, path);
  const texts = [base ?? '', theirs, ours, now];
  if (!texts.every((text) => typeof text === 'string')) throw noLongerFits(path);
  const [from, server, mine, stands] = texts as [string, string, string, string];
  const before = mergeText(from, server, mine).text;
  const after = mergeText(from, mine, server).text;
  // Longer than a script may be: the merge left the server's text alone.
  if (isSeen && stands === server && before !== server) return setIn(tree, path, mine) as Tree;
  const { text, clash } = isSeen ? mergeText(before, after, stands) : mergeText(before, stands, after);
  if (clash && !isSeen) throw placeChanged(path, placeHash(tree, path));
  return setIn(tree, path, text) as Tree;
}

/** What is not there any more has gone already. */
function without(tree: Tree, path: readonly string[]): Tree | undefined {
  let next: Tree | undefined = tree;
  for (const place of [...hangingOn(tree, path), path]) {
    if (next && getIn(next, place) !== undefined) next = putAt(next, place, undefined);
  }
  return next;
}

function hangingOn(tree: Tree, path: readonly string[]): string[][] {
  if (isWorkflow(path)) return [['pins', path[1] ?? '']];
  const step = stepAt(path);
  if (!step) return [];
  const { workflowId, stepId } = step;
  return [
    ['workflows', workflowId, 'layout', stepId],
    ['pins', workflowId, stepId],
    ...edgesOf(tree, step).map((key) => ['workflows', workflowId, 'edges', key]),
  ];
}

function placeChanged(path: string[], was: Hash): SluiceError {
  return new SluiceError(
    'conflict.place_changed',
    `${path.join('/')} has been changed since the conflict came about.`,
    {
      details: { path, was },
      advice: 'Look at what stands there now. Keep it, or decide again having seen it.',
    },
  );
}

function noLongerFits(path: string[]): SluiceError {
  return new SluiceError('conflict.place_changed', `${path.join('/')} no longer fits into the project.`, {
    details: { path },
    advice: 'What it belonged to was taken away. Keep what stands there now, and add the other answer by hand.',
  });
}
