import { SluiceError } from '#shared/error.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import type { Sources } from '#shared/workflow/sources.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { RefusedFile } from '../store/projectFolder.ts';

export type UnreadableFile = { file: string; line: number; message: string };

/** What a project's folder says, and which of its files are left alone until they can be read again. */
export type FolderState = {
  /** The text of each file: as it is now, or as it was when it last could be read. */
  good: ProjectFiles;
  /** What `good` says. */
  tree: Tree;
  problems: Problem[];
  sources: Sources;
  /** By path; these are not written. */
  unreadable: Map<string, UnreadableFile>;
};

/**
 * Makes sense of a folder. A file that cannot be read, or that is gone, counts as it last was: a half-typed line, a merge
 * marker, a branch switch or a cloud drive must not look like a deletion.
 *
 * @param onDisk the files that are there
 * @param lastGood how they were when they last could be read; empty for a folder seen for the first time
 * @throws SluiceError project.invalid where nothing can be made of it
 */
export function understandFolder(
  onDisk: ProjectFiles,
  refused: RefusedFile[],
  lastGood: ProjectFiles,
  catalog: StepCatalog,
): FolderState {
  const now = readProject(onDisk, catalog);
  const unreadable = new Map<string, UnreadableFile>();
  for (const file of now.unreadable) {
    const why = now.problems.find((problem) => problem.file === file && problem.severity === 'error');
    unreadable.set(file, {
      file,
      line: why?.line ?? 1,
      message: why ? `${why.message} ${why.advice}` : 'It cannot be read.',
    });
  }
  for (const { file, message } of refused) unreadable.set(file, { file, line: 1, message });
  const gone = goneFiles(onDisk, lastGood, now.fileOf, catalog).filter((file) => !unreadable.has(file));
  for (const file of gone) {
    const message = `${file} is gone. Put it back, or delete on the canvas what it held.`;
    unreadable.set(file, { file, line: 1, message });
  }
  const problems = [...now.problems, ...refused.map(refusedProblem), ...gone.map(goneProblem)];
  if (unreadable.size === 0 && now.tree)
    return { good: { ...onDisk }, tree: now.tree, problems, sources: now.sources, unreadable };

  const good: ProjectFiles = {};
  for (const [path, text] of Object.entries(onDisk)) if (!unreadable.has(path)) good[path] = text;
  const readable = { ...good };
  for (const path of unreadable.keys()) {
    const text = lastGood[path];
    if (text !== undefined) good[path] = text;
  }
  // Where an old text no longer fits beside the new ones, the new ones count.
  for (const files of [good, readable]) {
    const read = readProject(files, catalog);
    if (read.tree) return { good: files, tree: read.tree, problems, sources: read.sources, unreadable };
  }
  const [first] = problems.filter((problem) => problem.severity === 'error');
  throw new SluiceError(
    'project.invalid',
    `${first?.file ?? 'sluice.yaml'}: ${first?.message ?? 'It cannot be read.'}`,
    {
      advice: first?.advice,
      details: first ? { file: first.file, line: first.line } : {},
    },
  );
}

/** The files that were there and are not, unless what they held now stands in another file. */
function goneFiles(
  onDisk: ProjectFiles,
  lastGood: ProjectFiles,
  fileOf: Map<string, string>,
  catalog: StepCatalog,
): string[] {
  const missing = Object.keys(lastGood).filter((path) => onDisk[path] === undefined);
  if (missing.length === 0) return [];
  const before = readProject(lastGood, catalog);
  const recordOf = new Map([...before.fileOf].map(([record, path]) => [path, record]));
  return missing.filter((path) => !fileOf.has(recordOf.get(path) ?? ''));
}

const refusedProblem = ({ file, message }: RefusedFile): Problem => ({
  file,
  line: 1,
  column: 1,
  severity: 'error',
  code: 'file.refused',
  message,
  advice: 'Put a regular file there, or take it away.',
});

const goneProblem = (file: string): Problem => ({
  file,
  line: 1,
  column: 1,
  severity: 'error',
  code: 'file.gone',
  message: `${file} is gone.`,
  advice: 'Put it back, or delete on the canvas what it held.',
});

/** Places in the files, found when the first one is asked for: most projects have no problem to point at. */
export function lazySources(files: ProjectFiles, catalog: StepCatalog): Sources {
  let sources: Sources | undefined;
  return {
    place: (...about) => {
      sources ??= readProject(files, catalog).sources;
      return sources.place(...about);
    },
  };
}
