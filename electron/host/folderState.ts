import type { UnreadableFile } from '#shared/contract/host/files.ts';
import { SluiceError } from '#shared/error.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import type { Sources } from '#shared/workflow/sources.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { RefusedFile } from '../store/projectFolder.ts';
import { copyProblem, goneProblem, markedProblem, refusedProblem } from './fileProblems.ts';

/** What is in a folder and is not read. */
export type Beside = { refused: RefusedFile[]; copies: string[] };

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
  /** The files that are gone: among the unreadable ones until somebody says that they were meant to go. */
  gone: string[];
};

/**
 * Makes sense of a folder. A file that cannot be read, or that is gone, counts as it last was: a half-typed line, a merge
 * marker, a branch switch or a cloud drive must not look like a deletion.
 *
 * @param onDisk the files that are there
 * @param beside what is there and is not read
 * @param lastGood how they were when they last could be read; empty for a folder seen for the first time
 * @throws SluiceError project.invalid where nothing can be made of it
 */
export function understandFolder(
  onDisk: ProjectFiles,
  beside: Beside,
  lastGood: ProjectFiles,
  catalog: StepCatalog,
): FolderState {
  const { refused, copies } = beside;
  const marked = markedFiles(onDisk);
  const now = readProject(without(onDisk, marked), catalog);
  const unreadable = new Map<string, UnreadableFile>();
  for (const file of now.unreadable) {
    const found = now.problems.find((problem) => problem.file === file && problem.severity === 'error');
    const message = found ? `${found.message} ${found.advice}` : 'It cannot be read.';
    const advice = found ? { advice: found.advice } : {};
    unreadable.set(file, { file, line: found?.line ?? 1, message, why: 'syntax', ...advice });
  }
  for (const { file, message } of refused) unreadable.set(file, { file, line: 1, message, why: 'refused' });
  for (const [file, line] of marked) {
    const { message, advice } = markedProblem(file, line);
    unreadable.set(file, { file, line, message: `${message} ${advice}`, why: 'markers', advice });
  }
  const gone = goneFiles(onDisk, lastGood, now.fileOf, catalog).filter(
    (file) => !unreadable.has(file) || onDisk[file] === undefined,
  );
  for (const file of gone) {
    const { message, advice } = goneProblem(file);
    unreadable.set(file, { file, line: 1, message: `${message} ${advice}`, why: 'gone', advice });
  }
  const problems = [
    ...now.problems.filter(({ file }) => !gone.includes(file)),
    ...[...marked].map(([file, line]) => markedProblem(file, line)),
    ...refused.map(refusedProblem),
    ...gone.map(goneProblem),
    ...copies.map(copyProblem),
  ];
  if (unreadable.size === 0 && now.tree)
    return { good: { ...onDisk }, tree: now.tree, problems, sources: now.sources, unreadable, gone };

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
    if (read.tree) return { good: files, tree: read.tree, problems, sources: read.sources, unreadable, gone };
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

/** The files with the markers of a merge in them, and the line where the first begins. */
function markedFiles(files: ProjectFiles): Map<string, number> {
  const marked = new Map<string, number>();
  for (const [path, text] of Object.entries(files)) {
    const start = /^<{7}(?: .*)?\r?$/m.exec(text);
    if (!start || !/^={7}\r?$/m.test(text) || !/^>{7}(?: .*)?\r?$/m.test(text)) continue;
    marked.set(path, text.slice(0, start.index).split('\n').length);
  }
  return marked;
}

function without(files: ProjectFiles, paths: ReadonlyMap<string, unknown>): ProjectFiles {
  return paths.size === 0 ? files : Object.fromEntries(Object.entries(files).filter(([path]) => !paths.has(path)));
}

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
