import { SluiceError } from '../error.ts';
import { ScriptPath } from '../ids.ts';
import type { StepCatalog } from '../workflow/catalog.ts';
import { projectFiles } from '../workflow/files.ts';
import { merkleHash } from '../workflow/hash.ts';
import { readProject } from '../workflow/readProject.ts';
import type { Tree } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { mergeText } from './mergeText.ts';
import { mergeTrees } from './mergeTrees.ts';

export type FileVersions = {
  /** Below the project's folder, with `/`. */
  path: string;
  /** Where both come from; an empty text where both added the file. */
  base: string;
  ours: string;
  theirs: string;
  /** The project's sluice.yaml. */
  manifest: string;
};

/** The merged file, and what could not be decided. As in Git, `ours` is the branch that one is on; its values stand. */
export type MergedFile = { text: string; conflicts: Conflict[] };

const RECORDS = /^(?:(?:workflows|machines|environments|tests)\/[^/]+\.yaml|connections\.yaml)$/;
const isMergeable = (path: string) =>
  RECORDS.test(path) || (path.startsWith('scripts/') && ScriptPath.safeParse(path.slice('scripts/'.length)).success);

const SIDES = ['base', 'ours', 'theirs'] as const;
const NAMES = { base: 'where both come from', ours: 'on this branch', theirs: 'on the other branch' };

/**
 * Merges three versions of one file of a project by what they say, for whoever has files only: Git. The text is that of
 * ours and theirs with all comments where their lines could be put together, and else ours with the changed fields put in.
 * There are never conflict markers in it.
 *
 * @throws SluiceError project.invalid where a version cannot be read, or where two different workflows have one file name
 */
export function mergeProjectFile({ path, manifest, ...texts }: FileVersions, catalog: StepCatalog): MergedFile {
  if (!isMergeable(path)) throw unreadable(`${path} is no file that is merged by what it says.`, 'Merge it as text.');
  const filesOf = (text: string) => ({ 'sluice.yaml': manifest, [path]: text.replaceAll('\r\n', '\n') });
  const treeOf = (text: string) => {
    const read = readProject(filesOf(text), catalog);
    return read.unreadable.has(path) ? undefined : read.tree;
  };
  const empty = readProject({ 'sluice.yaml': manifest }, catalog).tree;
  if (!empty) throw unreadable('The sluice.yaml of this project', 'Correct it, then merge again.');
  const [base, ours, theirs] = SIDES.map((side) => {
    if (side === 'base' && texts.base.trim() === '') return empty;
    return treeOf(texts[side]) ?? throwUnreadable(filesOf(texts[side]), path, side, catalog);
  }) as [Tree, Tree, Tree];
  refuseTwoWorkflows(path, [ours, theirs]);

  const merged = mergeTrees({ base, theirs: ours, ours: theirs });
  const conflicts = merged.conflicts.map(asInGit);
  const eol = texts.ours.includes('\r\n') ? '\r\n' : '\n';
  const plain = (side: (typeof SIDES)[number]) => texts[side].replaceAll('\r\n', '\n');
  const lines = mergeText(plain('base'), plain('ours'), plain('theirs')).text;
  for (const start of [lines, plain('ours')]) {
    if (treeOf(start) === undefined) continue;
    const text = projectFiles(merged.tree, filesOf(start), { catalog })[path] ?? start;
    const result = treeOf(text);
    if (result && merkleHash(result) === merkleHash(merged.tree))
      return { text: text.replaceAll('\n', eol), conflicts };
  }
  throw new TypeError(`The merged ${path} could not be written.`);
}

/** The merge calls the side whose values stand `theirs`; here that is the branch one is on. */
function asInGit({ theirs, ours, chosen, ...rest }: Conflict): Conflict {
  return {
    ...rest,
    ...(ours === undefined ? {} : { theirs: ours }),
    ...(theirs === undefined ? {} : { ours: theirs }),
    chosen: chosen === 'both' ? 'both' : chosen === 'theirs' ? 'ours' : 'theirs',
  };
}

function throwUnreadable(
  files: Record<string, string>,
  path: string,
  side: (typeof SIDES)[number],
  catalog: StepCatalog,
): never {
  const { problems } = readProject(files, catalog);
  const first = problems.find(({ severity }) => severity === 'error');
  const why = first ? `line ${first.line}: ${first.message}` : 'it has nothing that can be merged.';
  throw unreadable(`${path} as it is ${NAMES[side]} cannot be read: ${why}`, first?.advice ?? 'Merge it by hand.');
}

function refuseTwoWorkflows(path: string, [ours, theirs]: [Tree, Tree]): void {
  if (!path.startsWith('workflows/')) return;
  const [mine, other] = [ours, theirs].map(({ workflows }) => Object.keys(workflows)[0]);
  if (mine === other) return;
  throw unreadable(
    `${path} is another workflow on each branch: ${mine} here, ${other} there.`,
    'Give one of the two files another name on its branch, then merge again.',
  );
}

const unreadable = (message: string, advice: string) => new SluiceError('project.invalid', message, { advice });
