import { SluiceError } from '#shared/error.ts';
import type { Hash } from '#shared/ids.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Conflict } from '#shared/merge/conflict.ts';
import { mergeText } from '#shared/merge/mergeText.ts';
import { tornParts } from '#shared/merge/structure.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { getIn, setIn } from '#shared/workflow/plainData.ts';
import { parseEdge, type Tree } from '#shared/workflow/tree.ts';

export type Choice = 'theirs' | 'ours' | 'edit';

export type Decision = {
  choice: Choice;
  /** With `edit`. */
  value?: Json;
  /** The place as the merge left it. */
  placeHash: Hash;
  /** The place as the person saw it, where that was later. */
  was?: Hash;
};

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

/** Of all that a decision about a place would replace: what stands there, and what would go away with it. Where a box is does not count. */
export function placeHash(tree: Tree, path: readonly string[]): Hash {
  const value = getIn(tree, path);
  const step = stepAt(path);
  if (step) {
    const pin = getIn(tree, ['pins', step.workflowId, step.stepId]);
    return merkleHash({ value, pin, edges: edgesOf(tree, step).sort() });
  }
  if (path[0] !== 'workflows' || path.length !== 2 || value === undefined) return merkleHash({ value });
  return merkleHash({ value: { ...(value as object), layout: {} }, pins: getIn(tree, ['pins', path[1] ?? '']) });
}

/**
 * The tree with a conflict decided. The answer that stands already stays as it is now, whatever was changed there since:
 * nothing is ever replaced that the person did not see.
 *
 * @throws SluiceError conflict.place_changed with `details.was`, which lets the same decision pass; project.invalid where
 *   the answer does not fit the project any more
 */
export function decide(tree: Tree, conflict: Conflict, decision: Decision): Tree {
  const { path, kind, chosen } = conflict;
  const { choice, was } = decision;
  // Where both stand, ours is in.
  if (choice === chosen || (chosen === 'both' && choice === 'ours')) return tree;
  const now = placeHash(tree, path);
  const hasSeen = now === (was ?? decision.placeHash);
  if (kind === 'text' && choice === 'ours') return setText(tree, conflict, hasSeen);
  if (!hasSeen) throw placeChanged(path, now);
  const value = choice === 'edit' ? decision.value : conflict[choice];
  const next = value === undefined ? without(tree, path) : put(tree, path, value);
  if (next === undefined) throw noLongerFits(path);
  if (next !== tree && tornParts(next).length > tornParts(tree).length) throw noLongerFits(path);
  return next;
}

/** The lines of ours where both changed them, and all other changes of both, and those that came after. */
function setText(tree: Tree, { path, base, theirs, ours }: Conflict, hasSeen: boolean): Tree {
  const now = getIn(tree, path);
  const texts = [base ?? '', theirs, ours, now];
  if (!texts.every((text) => typeof text === 'string')) throw noLongerFits(path);
  const [from, server, mine, stands] = texts as [string, string, string, string];
  const before = mergeText(from, server, mine).text;
  const after = mergeText(from, mine, server).text;
  // Longer than a script may be: the merge left the server's text alone.
  if (hasSeen && stands === server && before !== server) return setIn(tree, path, mine) as Tree;
  const { text, clash } = hasSeen ? mergeText(before, after, stands) : mergeText(before, stands, after);
  if (clash && !hasSeen) throw placeChanged(path, placeHash(tree, path));
  return setIn(tree, path, text) as Tree;
}

/** `setIn`, but a workflow's map of pins is there as long as it holds one: as when a commit is put on a tree (ops.ts). */
function put(tree: Tree, path: string[], value: Json | undefined): Tree | undefined {
  const [kind, workflowId = '', stepId, ...deeper] = path;
  if (kind !== 'pins' || stepId === undefined || deeper.length > 0) return setIn(tree, path, value);
  const { [stepId]: _, ...others } = (getIn(tree, ['pins', workflowId]) ?? {}) as JsonObject;
  const pins = value === undefined ? others : { ...others, [stepId]: value };
  return setIn(tree, ['pins', workflowId], Object.keys(pins).length > 0 ? pins : undefined);
}

/** A step goes with its edges, place and pin; a workflow with its pins. */
function without(tree: Tree, path: string[]): Tree | undefined {
  const step = stepAt(path);
  if (!step) {
    const rest = path.length === 2 && path[0] === 'workflows' ? setIn(tree, ['pins', path[1] ?? ''], undefined) : tree;
    return rest && put(rest, path, undefined);
  }
  const { workflowId, stepId } = step;
  const gone = [
    path,
    ['workflows', workflowId, 'layout', stepId],
    ['pins', workflowId, stepId],
    ...edgesOf(tree, step).map((key) => ['workflows', workflowId, 'edges', key]),
  ];
  let next: Tree | undefined = tree;
  for (const one of gone) {
    if (next && getIn(next, one) !== undefined) next = put(next, one, undefined);
  }
  return next;
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
