import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import type { PendingDeletion, UnreadableFile } from '#shared/contract/host/files.ts';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { conflictRecord } from '#shared/merge/conflict.ts';
import { mergeProjectFile } from '#shared/merge/mergeProjectFile.ts';
import { type Merged, mergeTrees } from '#shared/merge/mergeTrees.ts';
import { applyOps, diffTrees, type Op } from '#shared/merge/ops.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import { projectFiles, workflowSlugs } from '#shared/workflow/files.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import type { ConflictStore } from '../store/conflictStore.ts';
import { gitDirOf, gitIsBusy, gitStages } from '../store/git.ts';
import type { HistoryStore } from '../store/historyStore.ts';
import { type CommitOrigin, openProjectDb, type ProjectDb } from '../store/projectDb.ts';
import {
  isProjectPath,
  readProjectFile,
  readProjectFolder,
  sweepTemporary,
  writeProjectFile,
} from '../store/projectFolder.ts';
import { GIT_LOCK_MS, watchProject } from '../store/watcher.ts';
import { createBranchWatch } from './branchWatch.ts';
import { farPins, readFar, withFarPins } from './farPins.ts';
import { otherId, troubleOf } from './fileProblems.ts';
import { type Beside, type FolderState, lazySources, understandFolder } from './folderState.ts';
import { BRANCHES, readGitRecords, versionsOf } from './gitRecords.ts';
import { createPinTexts } from './pinTexts.ts';
import { createProjectLog, leftOver, type TakenBack, type Who } from './projectLog.ts';

const FLUSH_MS = 300;
/** After a disk that refused; the change is safe in the project's database meanwhile. */
const RETRY_MS = 5_000;

const OUTSIDE = 'Edited outside';
const FILES = { theirs: 'The files' };

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
  conflicts: ConflictStore;
  history: HistoryStore;
  tree(): Tree;
  revision(): number;
  problems(): Problem[];
  unreadable(): UnreadableFile[];
  /** Files that vanished, or a branch that was switched to, and no word yet whether that was meant. */
  deletion(): PendingDeletion | undefined;
  canUndo(): boolean;
  canRedo(): boolean;
  edit(edits: readonly Edit[]): number;
  /** @throws SluiceError project.rebase_required where something else stands there now */
  patch(ops: readonly Op[], origin?: CommitOrigin): number;
  /** Takes in what a merge gave, with its conflicts in the same transaction. */
  takeMerged(merged: Merged, origin: CommitOrigin, who: (path: readonly string[]) => Who): number;
  /** Keeps what is known of conflicts now, and the tree with their answers in it, in one transaction. */
  settleConflicts(next: Tree, entries: readonly ConflictEntry[]): number;
  /** Makes the project what it was. */
  replace(tree: Tree, origin: CommitOrigin, message: string): number;
  /** Takes one's own last change back, or does it again, as far as nobody changed the same since. */
  undo(): TakenBack;
  redo(): TakenBack;
  confirmDeletion(): Promise<number>;
  restoreDeleted(): Promise<number>;
  /** @throws SluiceError host.not_supported, project.invalid */
  mergeMarked(file: string): Promise<{ revision: number; conflicts: number }>;
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
  let seenCopies = first.copies.join('\n');
  /** As the files should be: those on the disk, changed by what the canvas did since. */
  let texts: ProjectFiles;
  let folder: FolderState;
  /** The tree that `texts` says; undefined where it must be looked at again. */
  let written: Tree | undefined;
  let trouble: Problem | undefined;
  /** The problems as they were last told. */
  let told: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let queue: Promise<unknown> = Promise.resolve();
  const pins = createPinTexts(db);
  const saving = { now, ...(deps.write ? { write: deps.write } : {}) };
  const log = createProjectLog({
    ...{ dir, db, now, uuid: deps.uuid },
    onCommit: (origin, ops) => {
      emit(origin, ops);
      plan(FLUSH_MS);
    },
    onConflicts: (open) => deps.emit({ type: 'conflicts.changed', projectId: tree().project.id, open }),
  });
  const { tree, commit } = log;
  const gitDir = gitDirOf(dir);
  const branch = createBranchWatch(db, gitDir);
  /** Pins that no file here can hold. */
  let far = readFar(db.meta('pins.far'));
  /** Files with markers whose sides Git has. */
  let mergeable = new Set<string>();
  let goneSince: string | undefined;
  let toldDeletion: string | undefined;

  try {
    await sweepTemporary(dir);
    const base = db.baseFiles();
    pins.learn(onDisk);
    folder = understand(onDisk, first, base);
    texts = { ...folder.good };
    written = folder.tree;
    log.begin(folder.tree);
    recover(base);
    log.addRecords(await readGitRecords(dir));
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  const watcher = watchProject(dir, () => inTurn(() => scan()), report);
  await watcher.ready;

  function understand(files: ProjectFiles, beside: Beside, lastGood: ProjectFiles): FolderState {
    const found = understandFolder(files, beside, lastGood, catalog);
    return { ...found, tree: withFarPins(found.tree, far) };
  }

  function readFiles(files: ProjectFiles): Tree | undefined {
    const read = readProject(files, catalog).tree;
    return read && withFarPins(read, far);
  }

  /** What was committed and not written when the last process ended meets what the files say now. */
  function recover(base: ProjectFiles): void {
    const commits = db.commitsAfter(db.flushedRevision());
    const pending = db.pendingTree();
    const same = sameTexts(base, folder.good);
    if (Object.keys(base).length > 0 && (commits.length > 0 || pending || !same)) {
      const baseTree = same ? folder.tree : (readFiles(base) ?? folder.tree);
      let ours = pending ?? baseTree;
      const unfit: Op[] = [];
      for (const { ops } of commits) {
        try {
          ours = applyOps(ours, ops);
        } catch {
          // They were made on a state that is not there any more: kept, like all that gives way.
          unfit.push(...ops);
        }
      }
      const merged = mergeTrees({ base: baseTree, theirs: folder.tree, ours });
      log.begin(ours);
      const left = unfit.map((op) => leftOver(op, merged.tree));
      commit(merged.tree, 'file', { message: OUTSIDE, conflicts: [...merged.conflicts, ...left], who: () => FILES });
      // What is the same in all it says is the same tree.
      log.begin(merged.tree);
    }
    goneSince = folder.gone.length > 0 ? isoNow() : undefined;
    branch.seen();
    if (tree() === folder.tree) settle();
    else plan(0);
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  }

  function emit(origin: CommitOrigin, ops: Op[]): void {
    const state = { revision: db.revision(), problems: problems(), unreadable: unreadable() };
    told = JSON.stringify(state.problems);
    const seen =
      origin === 'sync' || origin === 'canvas' || origin === 'file' ? origin : origin === 'git' ? 'file' : 'canvas';
    const can = { canUndo: log.canUndo(), canRedo: log.canRedo() };
    deps.emit({ type: 'project.changed', projectId: tree().project.id, origin: seen, ops, ...state, ...can });
    tellDeletion();
  }

  function tellDeletion(): void {
    const pending = deletion();
    const text = JSON.stringify(pending);
    if (text === toldDeletion) return;
    toldDeletion = text;
    deps.emit({ type: 'deletion.pending', projectId: tree().project.id, ...(pending ? { deletion: pending } : {}) });
  }

  function deletion(): PendingDeletion | undefined {
    const held = branch.held();
    if (folder.gone.length === 0 && !held) return undefined;
    const files = folder.gone.map((file) => ({ file, title: titleOf(file) }));
    const since = held?.since ?? goneSince ?? isoNow();
    return { since, files, ...(held ? { branch: { from: held.from, to: held.to } } : {}) };
  }

  function titleOf(file: string): string {
    const slug = /^workflows\/(.+)\.yaml$/.exec(file)?.[1];
    const workflow = Object.values(tree().workflows).find((one) => one.slug === slug);
    return workflow?.name ?? file;
  }

  function isoNow(): string {
    return new Date(now()).toISOString();
  }

  function problems(): Problem[] {
    return [...folder.problems, ...validateTree(tree(), catalog, folder.sources), ...(trouble ? [trouble] : [])];
  }

  function unreadable(): UnreadableFile[] {
    const files = [...folder.unreadable.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
    return files.map((one) => (mergeable.has(one.file) ? { ...one, canMerge: true } : one));
  }

  /** Brings `texts` up to the tree. */
  function project(): void {
    if (written === tree()) return;
    for (const [path, text] of Object.entries(projectFiles(tree(), texts, { catalog, pins: pins.byHash }))) {
      // Git's own files are made with the project; later they are the person's.
      if (!isProjectPath(path)) continue;
      if (text === null) delete texts[path];
      else texts[path] = text;
    }
    written = tree();
  }

  /** Writes in a moment, but not while Git is writing: half a checkout would be taken for what somebody did. */
  function plan(delayMs: number, waitedForGit = 0): void {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => {
      if (gitIsBusy(gitDir) && waitedForGit < GIT_LOCK_MS) plan(FLUSH_MS, waitedForGit + FLUSH_MS);
      else void inTurn(flush).catch(report);
    }, delayMs);
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
        await writeProjectFile(dir, path, wanted[path], { ...saving, expected: { text: onDisk[path] } });
        if (wanted[path] === undefined) delete onDisk[path];
        else onDisk[path] = wanted[path];
      }
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code === 'file.changed') {
        await scan();
        plan(FLUSH_MS);
        return;
      }
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
    folder = { ...folder, gone: folder.gone.filter((path) => left.has(path)) };
    const before = db.baseFiles();
    const changed: Record<string, string | null> = {};
    for (const path of Object.keys(before)) if (good[path] === undefined) changed[path] = null;
    for (const [path, text] of Object.entries(good)) if (before[path] !== text) changed[path] = text;
    const waits = left.size > 0 && [...left.keys()].some((path) => texts[path] !== good[path]);
    db.setFlushed(revision, changed, waits ? written : undefined);
    far = farPins(written ?? tree(), (hash) => Object.hasOwn(pins.byHash, hash));
    db.setMeta('pins.far', Object.keys(far).length > 0 ? JSON.stringify(far) : undefined);
    const agreed = left.size === 0 ? written : readFiles(good);
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

  /** @param confirmed files that are gone and were meant to go */
  async function scan(confirmed: readonly string[] = []): Promise<void> {
    // The whole folder may be away for a moment: every file counts as gone, none as deleted.
    const found = await readProjectFolder(dir, { even: true });
    const switched = branch.switched();
    const { files, refused } = found;
    const copies = found.copies.join('\n');
    const same =
      sameTexts(files, onDisk) && copies === seenCopies && refused.every(({ file }) => folder.unreadable.has(file));
    if (closed) return;
    if (same && confirmed.length === 0) {
      branch.seen();
      return;
    }
    project();
    const lastGood = confirmed.length === 0 ? folder.good : without(folder.good, confirmed);
    const next = understand(files, found, lastGood);
    if (next.tree.project.id !== tree().project.id) {
      throw new SluiceError('project.changed', `${dir} holds another project now.`, {
        advice: 'Close the project and open the folder again.',
      });
    }
    pins.learn(files);
    mergeable = await mergeableOf(next);
    const records = await readGitRecords(dir);
    const merged = mergeTrees({ base: folder.tree, theirs: next.tree, ours: tree() });
    goneSince = next.gone.length === 0 ? undefined : (goneSince ?? isoNow());
    onDisk = files;
    seenCopies = copies;
    folder = next;
    texts = { ...next.good };
    written = merged.tree === next.tree ? merged.tree : undefined;
    const { ops } = diffTrees(tree(), merged.tree);
    if (ops.length > 0) branch.hold(switched, db.revision() + 1, isoNow());
    branch.seen();
    if (ops.length > 0 || merged.conflicts.length > 0) {
      commit(merged.tree, 'file', { message: OUTSIDE, conflicts: merged.conflicts, who: () => FILES });
    } else emit('file', []);
    log.addRecords(records);
    if (written === tree()) settle();
    else plan(FLUSH_MS);
  }

  async function mergeableOf(next: FolderState): Promise<Set<string>> {
    const found = new Set<string>();
    for (const { file, why } of next.unreadable.values())
      if (why === 'markers' && gitDir && (await gitStages(dir, file))) found.add(file);
    return found;
  }

  async function confirmDeletion(): Promise<number> {
    if (onDisk['sluice.yaml'] === undefined) {
      throw new SluiceError('file.not_found', 'The file sluice.yaml is gone: without it this is no project.', {
        advice: 'Have the files written again, or take the project off the list.',
      });
    }
    branch.release();
    if (folder.gone.length > 0) await scan(folder.gone);
    tellDeletion();
    return db.revision();
  }

  async function restoreDeleted(): Promise<number> {
    const held = branch.held();
    const before = held && log.without(held.revision);
    branch.release();
    for (const file of folder.gone) folder.unreadable.delete(file);
    folder = { ...folder, gone: [], problems: folder.problems.filter(({ code }) => code !== 'file.gone') };
    goneSince = undefined;
    if (before) commit(before, 'restore', { message: 'Kept as it was before the other branch' });
    await flush();
    emit('file', []);
    return db.revision();
  }

  async function mergeMarked(file: string): Promise<{ revision: number; conflicts: number }> {
    const stages = folder.unreadable.get(file)?.why === 'markers' ? await gitStages(dir, file) : undefined;
    if (!stages) {
      throw new SluiceError('host.not_supported', `Git does not have both sides of ${file}.`, {
        advice: 'Choose in the file what stays, and take the markers out.',
      });
    }
    const versions = versionsOf(file, stages, texts['sluice.yaml'] ?? '');
    const merged = mergeProjectFile(versions, catalog);
    const mergeId = deps.uuid();
    const records = merged.conflicts.map((one) => conflictRecord(one, mergeId, BRANCHES));
    await writeProjectFile(dir, file, merged.text, { ...saving, expected: { text: onDisk[file] } });
    await scan();
    log.addRecords(records);
    return { revision: db.revision(), conflicts: records.length };
  }

  function report(thrown: unknown): void {
    if (closed || (trouble && thrown instanceof SluiceError && thrown.code === 'disk.failed')) return;
    trouble = troubleOf(thrown);
    emit('file', []);
  }

  function fileOf(workflowId: string): string {
    const slug = workflowSlugs(tree()).get(workflowId);
    if (slug === undefined) throw new SluiceError('workflow.not_found', 'There is no such workflow in the project.');
    return `workflows/${slug}.yaml`;
  }

  return {
    id: tree().project.id,
    dir,
    db,
    conflicts: log.conflicts,
    history: log.history,
    tree,
    revision: db.revision,
    problems,
    unreadable,
    deletion,
    canUndo: log.canUndo,
    canRedo: log.canRedo,
    edit: (edits) => commit(edits.reduce(applyEdit, tree()), 'canvas'),
    patch: (ops, origin = 'canvas') => commit(applyOps(tree(), ops), origin),
    takeMerged: (merged, origin, who) => commit(merged.tree, origin, { conflicts: merged.conflicts, who }),
    settleConflicts: log.settleConflicts,
    replace: (next, origin, message) =>
      commit({ ...next, project: { ...next.project, id: tree().project.id } }, origin, { message }),
    undo: log.undo,
    redo: log.redo,
    confirmDeletion: () => inTurn(confirmDeletion),
    restoreDeleted: () => inTurn(restoreDeleted),
    mergeMarked: (file) => inTurn(() => mergeMarked(file)),

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
          const next = applyEdit(tree(), { type: 'replaceWorkflow', workflowId, workflow });
          commit(next, 'canvas');
          texts[file] = text;
          // With the text put in, texts and tree say the same again; comments and order stay as they were typed.
          written = tree();
          await flush();
        }
        return { accepted: true, revision: db.revision(), problems: problems() };
      }),

    pinnedItems: (workflowId, stepId) => pins.items(tree(), workflowId, stepId),
    setPin: (workflowId, stepId, items) => {
      const edit: Edit = items
        ? { type: 'setPin', workflowId, stepId, ...pins.keep(items) }
        : { type: 'removePin', workflowId, stepId };
      return commit(applyEdit(tree(), edit), 'canvas');
    },

    flush: () => inTurn(flush),
    rescan: () => inTurn(() => scan()),
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

function without(files: ProjectFiles, paths: readonly string[]): ProjectFiles {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path)));
}

function sameTexts(a: ProjectFiles, b: ProjectFiles): boolean {
  const paths = Object.keys(a);
  return paths.length === Object.keys(b).length && paths.every((path) => a[path] === b[path]);
}
