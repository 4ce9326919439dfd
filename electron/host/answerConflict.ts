import { SluiceError } from '#shared/error.ts';
import type { Conflict } from '#shared/merge/conflict.ts';
import { mergeText } from '#shared/merge/mergeText.ts';
import { tornParts } from '#shared/merge/structure.ts';
import { applyEdit } from '#shared/workflow/edit.ts';
import { getIn, setIn } from '#shared/workflow/plainData.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Answer } from './cloudServices.ts';

/**
 * The tree with a conflict of this computer answered. The answer that stands already stays as it is now; another one is
 * put in its place, and an undo takes that back.
 *
 * @throws SluiceError conflict.place_changed where the answer does not fit the project any more
 */
export function answered(
  tree: Tree,
  { path, kind, chosen, base, ...sides }: Conflict,
  { choice, value }: Answer,
): Tree {
  if (choice === chosen) return tree;
  const answer = choice === 'edit' ? value : sides[choice];
  const now = getIn(tree, path);
  if (kind === 'text' && choice !== 'edit' && typeof answer === 'string' && typeof now === 'string') {
    // Its lines where both changed them, and everything else that is there now.
    const { text } = mergeText(typeof base === 'string' ? base : '', answer, now);
    return setIn(tree, path, text) ?? refuse(path);
  }
  const next = answer === undefined ? without(tree, path) : setIn(tree, path, answer);
  if (!next || (next !== tree && tornParts(next).length > tornParts(tree).length)) return refuse(path);
  return next;
}

/** A step goes with its edges, its place and its pin, a workflow with its pins, as when a person takes them away. */
function without(tree: Tree, path: readonly string[]): Tree | undefined {
  if (getIn(tree, path) === undefined) return tree;
  const [kind, workflowId = '', section, stepId] = path;
  if (kind === 'workflows' && path.length === 2) return applyEdit(tree, { type: 'removeWorkflow', workflowId });
  if (kind === 'workflows' && section === 'steps' && stepId !== undefined && path.length === 4)
    return applyEdit(tree, { type: 'removeStep', workflowId, stepId });
  return setIn(tree, path, undefined);
}

function refuse(path: readonly string[]): never {
  throw new SluiceError('conflict.place_changed', `${path.join('/')} no longer fits into the project.`, {
    details: { path: [...path] },
    advice: 'What it belonged to was taken away. Keep what stands there now, and add the other answer by hand.',
  });
}
