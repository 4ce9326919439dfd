import { SluiceError } from '#shared/error.ts';
import type { Conflict } from '#shared/merge/conflict.ts';
import { mergeTrees } from '#shared/merge/mergeTrees.ts';
import { projectFiles, type WriteOptions } from '#shared/workflow/files.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Stages } from '../store/git.ts';
import { commonParts } from '../sync/commonParts.ts';

/**
 * Puts the two sides of one file together by structure instead of by line. The text is our side's with the other's changes
 * in it, so comments and order stay.
 *
 * @param others the project's other files, as they last could be read
 * @throws SluiceError project.invalid where one side cannot be read
 */
export function mergeStages(
  file: string,
  stages: Stages,
  others: ProjectFiles,
  options: WriteOptions,
): { text: string; conflicts: Conflict[] } {
  const treeOf = (side: string, text: string): Tree => {
    const { tree, problems } = readProject({ ...others, [file]: text }, options.catalog);
    if (tree) return tree;
    const why = problems.find((problem) => problem.severity === 'error');
    throw new SluiceError(
      'project.invalid',
      `${side} of ${file} cannot be read: ${why?.message ?? 'it is no project file'}`,
      {
        advice: 'Choose in the file what stays, and take the markers out.',
        details: { file, ...(why ? { line: why.line } : {}) },
      },
    );
  };
  const ours = treeOf('This branch’s side', stages.ours);
  const theirs = treeOf('The other branch’s side', stages.theirs);
  const base = stages.base === undefined ? commonParts(theirs, ours) : treeOf('The common version', stages.base);
  const { tree, conflicts } = mergeTrees({ base, theirs, ours });
  const text = projectFiles(tree, { ...others, [file]: stages.ours }, options)[file];
  return { text: text ?? stages.ours, conflicts };
}
