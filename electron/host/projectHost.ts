import { join } from 'node:path';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { applyOps, diffTrees, type Op } from '#shared/merge/ops.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import { projectFiles, workflowSlugs } from '#shared/workflow/files.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { type CommitOrigin, openProjectDb, type ProjectDb } from '../store/projectDb.ts';
import {
  isProjectPath,
  readProjectFile,
  readProjectFolder,
  sweepTemporary,
  writeProjectFile,
} from '../store/projectFolder.ts';
import { sqliteFailure } from '../store/sqlite.ts';
import { watchProject } from '../store/watcher.ts';
import { type FolderState, lazySources, type UnreadableFile, understandFolder } from './folderState.ts';
import { mergeFile } from './mergeFile.ts';
import { createPinTexts } from './pinTexts.ts';

const FLUSH_MS = 300;
/** After a disk that refused; the change is safe in the project's database meanwhile. */
const RETRY_MS = 5_000;

export type ProjectDeps = {
  catalog: StepCatalog;
  emit(event: HostEvent): void;
  /** Who opens it, as a second one is told: "The desktop". */
  program: string;
  now(): number;
  uuid(): string;
  /** The save of one file; by default a real one. */
  write?: (path: string, text: string) => Promise<void>;
};

/** A project that this process has open and alone may change. Changes are durable when a call returns. */
export type OpenProject = {
  id: string;
  dir: string;
  db: ProjectDb;
  tree(): Tree;
  revision(): number;
  problems(): Problem[];
  unreadable(): UnreadableFile[];
  edit(edits: readonly Edit[]): number;
  /** @throws SluiceError project.rebase_required where something else stands there now */
  patch(ops: readonly Op[], origin?: CommitOrigin): number;
  /** The text of a workflow's file with every change so far in it. */
  text(workflowId: string): { file: string; text: string };
  setText(workflowId: string, text: string): Promise<{ accepted: boolean; revision: number; problems: Problem[] }>;
  pinnedItems(workflowId: string, stepId: string): Item[];
  setPin(workflowId: string, stepId: string, items: Item[] | undefined): number;
  /** Writes what is not in the files yet. */
  flush(): Promise<void>;
  /** Looks at the folder now instead of when the watcher says so. */
  rescan(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens a project's folder: takes its lock, reads it, puts in what a crash kept from being written, and from then on keeps
 * files and tree the same. Each change is committed to the project's database first and then written to its file.
 *
 * @throws SluiceError project.locked, project.not_found, project.invalid, disk.failed
 */
export async function openProject(dir: string, deps: ProjectDeps): Promise<OpenProject> {
  const { catalog, now } = deps;
  const first = await readProjectFolder(dir);
  const db = openProjectDb(dir, deps.program);

  let onDisk: ProjectFiles = first.files;
  /** As the files should be: those on the disk, changed by what the canvas did since. */
  let texts: ProjectFiles;
  let folder: FolderState;
  let tree: Tree;
  /** The tree that `texts` says; undefined where it must be looked at again. */
  let written: Tree | undefined;
  let trouble: Problem | undefined;
  /** The problems as they were last told. */
  let told: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let queue: Promise<unknown> = Promise.resolve();
  const pins = createPinTexts(db);

  try {
    await sweepTemporary(dir);
    const base = db.baseFiles();
    folder = understandFolder(onDisk, first.refused, base, catalog);
    pins.learn(onDisk);
    texts = { ...folder.good };
    written = tree = folder.tree;
    recover(base);
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  const watcher = watchProject(dir, () => inTurn(scan), report);
  await watcher.ready;

  /** What was committed and not written when the last process ended meets what the files say now. */
  function recover(base: ProjectFiles): void {
    const commits = db.commitsAfter(db.flushedRevision());
    const pending = db.pendingTree();
    const same = sameTexts(base, folder.good);
    if (Object.keys(base).length > 0 && (commits.length > 0 || pending || !same)) {
      const baseTree = same ? folder.tree : (readProject(base, catalog).tree ?? folder.tree);
      let ours = pending ?? baseTree;
      for (const { ops } of commits) {
        try {
          ours = applyOps(ours, ops);
        } catch {
          // They were made on a state that is not there any more: kept, like all that gives way.
          keepSuperseded(ops);
        }
      }
      const merged = mergeFile(baseTree, folder.tree, ours);
      keepSuperseded(merged.superseded);
      tree = ours;
      commit(merged.tree, 'file');
      tree = merged.tree;
    }
    if (tree === folder.tree) settle();
    else plan(0);
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  }

  function commit(next: Tree, origin: CommitOrigin): number {
    const { ops } = diffTrees(tree, next);
    if (ops.length === 0) return db.revision();
    try {
      db.commit({ commitId: deps.uuid(), origin, ops, at: new Date(now()).toISOString() });
    } catch (thrown) {
      throw sqliteFailure(join(dir, '.sluice', 'state.db'), thrown);
    }
    tree = next;
    emit(origin, ops);
    plan(FLUSH_MS);
    return db.revision();
  }

  function emit(origin: CommitOrigin, ops: Op[]): void {
    const state = { revision: db.revision(), problems: problems(), unreadable: unreadable() };
    told = JSON.stringify(state.problems);
    deps.emit({ type: 'project.changed', projectId: tree.project.id, origin, ops, ...state });
  }

  function problems(): Problem[] {
    return [...folder.problems, ...validateTree(tree, catalog, folder.sources), ...(trouble ? [trouble] : [])];
  }

  function unreadable(): UnreadableFile[] {
    return [...folder.unreadable.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
  }

  /** Brings `texts` up to the tree. */
  function project(): void {
    if (written === tree) return;
    for (const [path, text] of Object.entries(projectFiles(tree, texts, { catalog, pins: pins.byHash }))) {
      // Git's own files are made with the project; later they are the person's.
      if (!isProjectPath(path)) continue;
      if (text === null) delete texts[path];
      else texts[path] = text;
    }
    written = tree;
  }

  function plan(delayMs: number): void {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void inTurn(flush).catch(report), delayMs);
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    // What somebody else wrote meanwhile is merged in first, never written over.
    if (await changedBehindUs()) await scan();
    project();
    const wanted = { ...texts };
    const revision = db.revision();
    const paths = new Set([...Object.keys(wanted), ...Object.keys(onDisk)]);
    try {
      for (const path of paths) {
        if (wanted[path] === onDisk[path] || folder.unreadable.has(path)) continue;
        await writeProjectFile(dir, path, wanted[path], { now, ...(deps.write ? { write: deps.write } : {}) });
        if (wanted[path] === undefined) delete onDisk[path];
        else onDisk[path] = wanted[path];
      }
    } catch (thrown) {
      trouble = troubleOf(thrown);
      emit('canvas', []);
      plan(RETRY_MS);
      throw thrown;
    }
    settle(revision);
    trouble = undefined;
    // What was wrong with something new had no line yet; now it stands in its file.
    if (told !== undefined && told !== JSON.stringify(problems())) emit('canvas', []);
  }

  /** Files and tree agree, except for files that are left alone: the base of the next merge. */
  function settle(revision = db.revision()): void {
    const left = folder.unreadable;
    const base = folder.good;
    const good: ProjectFiles = {};
    for (const [path, text] of Object.entries(texts)) {
      const kept = left.has(path) ? base[path] : text;
      if (kept !== undefined) good[path] = kept;
    }
    // What was gone and was then deleted on the canvas as well is settled.
    for (const path of left.keys()) if (texts[path] === undefined && onDisk[path] === undefined) left.delete(path);
    const before = db.baseFiles();
    const changed: Record<string, string | null> = {};
    for (const path of Object.keys(before)) if (good[path] === undefined) changed[path] = null;
    for (const [path, text] of Object.entries(good)) if (before[path] !== text) changed[path] = text;
    const waits = left.size > 0 && [...left.keys()].some((path) => texts[path] !== good[path]);
    db.setFlushed(revision, changed, waits ? written : undefined);
    const agreed = left.size === 0 ? written : readProject(good, catalog).tree;
    folder = { ...folder, good, tree: agreed ?? folder.tree, sources: lazySources(good, catalog) };
  }

  async function changedBehindUs(): Promise<boolean> {
    project();
    for (const path of new Set([...Object.keys(texts), ...Object.keys(onDisk)])) {
      if (texts[path] === onDisk[path]) continue;
      const there = await readProjectFile(dir, path).catch(() => undefined);
      if (there !== onDisk[path]) return true;
    }
    return false;
  }

  async function scan(): Promise<void> {
    const { files, refused } = await readProjectFolder(dir).catch((thrown: unknown) => {
      // The whole folder may be away for a moment: every file counts as gone, none as deleted.
      if (thrown instanceof SluiceError && thrown.code === 'project.not_found') return { files: {}, refused: [] };
      throw thrown;
    });
    if (closed || (sameTexts(files, onDisk) && refused.every(({ file }) => folder.unreadable.has(file)))) return;
    project();
    const next = understandFolder(files, refused, folder.good, catalog);
    if (next.tree.project.id !== tree.project.id) {
      throw new SluiceError('project.changed', `${dir} holds another project now.`, {
        advice: 'Close the project and open the folder again.',
      });
    }
    pins.learn(files);
    const merged = mergeFile(folder.tree, next.tree, tree);
    keepSuperseded(merged.superseded);
    onDisk = files;
    folder = next;
    texts = { ...next.good };
    written = merged.tree === next.tree ? merged.tree : undefined;
    const { ops } = diffTrees(tree, merged.tree);
    if (ops.length > 0) commit(merged.tree, 'file');
    else emit('file', []);
    if (written === tree) settle();
    else plan(FLUSH_MS);
  }

  function keepSuperseded(ops: Op[]): void {
    if (ops.length === 0) return;
    const at = new Date(now()).toISOString();
    db.supersede(ops.map((op) => ({ op, at, reason: 'A file said something else.' })));
  }

  function report(thrown: unknown): void {
    if (closed || (trouble && thrown instanceof SluiceError && thrown.code === 'disk.failed')) return;
    trouble = troubleOf(thrown);
    emit('file', []);
  }

  function fileOf(workflowId: string): string {
    const slug = workflowSlugs(tree).get(workflowId);
    if (slug === undefined) throw new SluiceError('workflow.not_found', 'There is no such workflow in the project.');
    return `workflows/${slug}.yaml`;
  }

  return {
    id: tree.project.id,
    dir,
    db,
    tree: () => tree,
    revision: db.revision,
    problems,
    unreadable,
    edit: (edits) => commit(edits.reduce(applyEdit, tree), 'canvas'),
    patch: (ops, origin = 'canvas') => commit(applyOps(tree, ops), origin),

    text: (workflowId) => {
      project();
      const file = fileOf(workflowId);
      const broken = folder.unreadable.has(file) ? onDisk[file] : undefined;
      return { file, text: broken ?? texts[file] ?? '' };
    },

    setText: (workflowId, text) =>
      inTurn(async () => {
        project();
        const file = fileOf(workflowId);
        const read = readProject({ ...texts, [file]: text }, catalog);
        const workflow = read.tree?.workflows[workflowId];
        if (!workflow || read.unreadable.has(file)) {
          const found = read.problems.filter((problem) => problem.file === file);
          return { accepted: false, revision: db.revision(), problems: found.length > 0 ? found : [otherId(file)] };
        }
        if (folder.unreadable.has(file)) {
          await writeProjectFile(dir, file, text, { now });
          await scan();
        } else {
          const next = applyEdit(tree, { type: 'replaceWorkflow', workflowId, workflow });
          commit(next, 'canvas');
          texts[file] = text;
          // With the text put in, texts and tree say the same again; comments and order stay as they were typed.
          written = tree;
          await flush();
        }
        return { accepted: true, revision: db.revision(), problems: problems() };
      }),

    pinnedItems: (workflowId, stepId) => pins.items(tree, workflowId, stepId),
    setPin: (workflowId, stepId, items) => {
      const edit: Edit = items
        ? { type: 'setPin', workflowId, stepId, ...pins.keep(items) }
        : { type: 'removePin', workflowId, stepId };
      return commit(applyEdit(tree, edit), 'canvas');
    },

    flush: () => inTurn(flush),
    rescan: () => inTurn(scan),
    close: async () => {
      await watcher.close();
      // A disk that is full now is no reason to hang on; what was committed is written at the next start.
      await inTurn(flush).catch(() => undefined);
      closed = true;
      clearTimeout(timer);
      db.close();
    },
  };
}

function sameTexts(a: ProjectFiles, b: ProjectFiles): boolean {
  const paths = Object.keys(a);
  return paths.length === Object.keys(b).length && paths.every((path) => a[path] === b[path]);
}

function troubleOf(thrown: unknown): Problem {
  const { code, message, advice } = SluiceError.from(thrown);
  const place = { file: 'sluice.yaml', line: 1, column: 1 };
  return {
    ...place,
    severity: 'warning',
    code,
    message,
    advice: advice ?? 'What you change is kept; save again later.',
  };
}

function otherId(file: string): Problem {
  const message = 'The text has another id than the workflow it belongs to.';
  return {
    file,
    line: 1,
    column: 1,
    severity: 'error',
    code: 'workflow.id_changed',
    message,
    advice: 'Put the id back.',
  };
}
