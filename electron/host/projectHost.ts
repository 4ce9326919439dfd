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
import { workflowSlugs } from '#shared/workflow/files.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import type { ConflictStore } from '../store/conflictStore.ts';
import { gitDirOf, gitIsBusy, gitStages } from '../store/git.ts';
import type { HistoryStore } from '../store/historyStore.ts';
import { type CommitOrigin, openProjectDb, type ProjectDb } from '../store/projectDb.ts';
import { readProjectFolder, sweepTemporary, writeProjectFile } from '../store/projectFolder.ts';
import { GIT_LOCK_MS, watchProject } from '../store/watcher.ts';
import { createBranchWatch } from './branchWatch.ts';
import { otherId, troubleOf } from './fileProblems.ts';
import { BRANCHES, mergeableFiles, readGitRecords, versionsOf } from './gitRecords.ts';
import { createPendingDeletion } from './pendingDeletion.ts';
import { createProjectLog, type TakenBack, type Who } from './projectLog.ts';
import { createProjectTexts, type ProjectTexts } from './projectTexts.ts';
import { recoverTree } from './recoverTree.ts';

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

  let trouble: Problem | undefined;
  /** The problems as they were last told. */
  let told: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let queue: Promise<unknown> = Promise.resolve();
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
  /** Files with markers whose sides Git has. */
  let mergeable = new Set<string>();
  let texts: ProjectTexts;
  const deletion = createPendingDeletion({
    ...{ branch, tree, isoNow },
    gone: () => texts.folder().gone,
    emit: (pending) =>
      deps.emit({ type: 'deletion.pending', projectId: tree().project.id, ...(pending ? { deletion: pending } : {}) }),
  });

  try {
    await sweepTemporary(dir);
    texts = createProjectTexts({ dir, db, catalog, saving }, tree, first);
    log.begin(texts.folder().tree);
    recover(texts.folder().tree);
    log.addRecords(await readGitRecords(dir));
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  const watcher = watchProject(dir, () => inTurn(() => scan()), report);
  await watcher.ready;

  function recover(files: Tree): void {
    const commits = db.commitsAfter(db.flushedRevision());
    const pending = db.pendingTree();
    const agreed = texts.agreed();
    if (agreed && (commits.length > 0 || pending || agreed !== files)) {
      const { ours, merged } = recoverTree({ agreed, pending, commits }, files);
      log.begin(ours);
      commit(merged.tree, 'file', { message: OUTSIDE, conflicts: merged.conflicts, who: () => FILES });
      // What is the same in all it says is the same tree.
      log.begin(merged.tree);
    }
    deletion.look();
    branch.seen();
    if (tree() === files) texts.settle();
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
    deletion.tell();
  }

  function isoNow(): string {
    return new Date(now()).toISOString();
  }

  function problems(): Problem[] {
    const folder = texts.folder();
    return [...folder.problems, ...validateTree(tree(), catalog, folder.sources), ...(trouble ? [trouble] : [])];
  }

  function unreadable(): UnreadableFile[] {
    const files = [...texts.folder().unreadable.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
    return files.map((one) => (mergeable.has(one.file) ? { ...one, canMerge: true } : one));
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
    if (await texts.isChangedBehindUs()) await scan();
    const revision = db.revision();
    try {
      await texts.write();
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
    texts.settle(revision);
    trouble = undefined;
    // What was wrong with something new had no line yet; now it stands in its file.
    if (told !== undefined && told !== JSON.stringify(problems())) emit('canvas', []);
  }

  /** @param confirmed files that are gone and were meant to go */
  async function scan(confirmed: readonly string[] = []): Promise<void> {
    // The whole folder may be away for a moment: every file counts as gone, none as deleted.
    const found = await readProjectFolder(dir, { even: true });
    const switched = branch.switched();
    if (closed) return;
    if (confirmed.length === 0 && texts.isAsFound(found)) {
      branch.seen();
      return;
    }
    texts.follow();
    const next = texts.understand(found, confirmed);
    if (next.tree.project.id !== tree().project.id) {
      throw new SluiceError('project.changed', `${dir} holds another project now.`, {
        advice: 'Close the project and open the folder again.',
      });
    }
    mergeable = await mergeableFiles(dir, gitDir, next);
    const records = await readGitRecords(dir);
    const merged = mergeTrees({ base: texts.folder().tree, theirs: next.tree, ours: tree() });
    texts.take(found, next, merged.tree);
    deletion.look();
    const { ops } = diffTrees(tree(), merged.tree);
    if (ops.length > 0) branch.hold(switched, db.revision() + 1, isoNow());
    branch.seen();
    if (ops.length > 0 || merged.conflicts.length > 0) {
      commit(merged.tree, 'file', { message: OUTSIDE, conflicts: merged.conflicts, who: () => FILES });
    } else emit('file', []);
    log.addRecords(records);
    if (texts.isFollowed()) texts.settle();
    else plan(FLUSH_MS);
  }

  async function confirmDeletion(): Promise<number> {
    if (texts.onDisk('sluice.yaml') === undefined) {
      throw new SluiceError('file.not_found', 'The file sluice.yaml is gone: without it this is no project.', {
        advice: 'Have the files written again, or take the project off the list.',
      });
    }
    branch.release();
    const { gone } = texts.folder();
    if (gone.length > 0) await scan(gone);
    deletion.tell();
    return db.revision();
  }

  async function restoreDeleted(): Promise<number> {
    const held = branch.held();
    const before = held && log.without(held.revision);
    branch.release();
    texts.wantGone();
    deletion.look();
    if (before) commit(before, 'restore', { message: 'Kept as it was before the other branch' });
    await flush();
    emit('file', []);
    return db.revision();
  }

  async function mergeMarked(file: string): Promise<{ revision: number; conflicts: number }> {
    const stages = texts.folder().unreadable.get(file)?.why === 'markers' ? await gitStages(dir, file) : undefined;
    if (!stages) {
      throw new SluiceError('host.not_supported', `Git does not have both sides of ${file}.`, {
        advice: 'Choose in the file what stays, and take the markers out.',
      });
    }
    const versions = versionsOf(file, stages, texts.wanted('sluice.yaml') ?? '');
    const merged = mergeProjectFile(versions, catalog);
    const mergeId = deps.uuid();
    const records = merged.conflicts.map((one) => conflictRecord(one, mergeId, BRANCHES));
    await writeProjectFile(dir, file, merged.text, { ...saving, expected: { text: texts.onDisk(file) } });
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
    deletion: deletion.pending,
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
      texts.follow();
      const file = fileOf(workflowId);
      const broken = texts.folder().unreadable.has(file) ? texts.onDisk(file) : undefined;
      return { file, text: broken ?? texts.wanted(file) ?? '' };
    },

    setText: (workflowId, text) =>
      inTurn(async () => {
        texts.follow();
        const file = fileOf(workflowId);
        const read = texts.readWith(file, text);
        const workflow = read.tree?.workflows[workflowId];
        if (!workflow || read.unreadable.has(file)) {
          const found = read.problems.filter((problem) => problem.file === file);
          return { accepted: false, revision: db.revision(), problems: found.length > 0 ? found : [otherId(file)] };
        }
        if (texts.folder().unreadable.has(file)) {
          await writeProjectFile(dir, file, text, { now });
          await scan();
        } else {
          const next = applyEdit(tree(), { type: 'replaceWorkflow', workflowId, workflow });
          commit(next, 'canvas');
          texts.put(file, text);
          await flush();
        }
        return { accepted: true, revision: db.revision(), problems: problems() };
      }),

    pinnedItems: (workflowId, stepId) => texts.pins.items(tree(), workflowId, stepId),
    setPin: (workflowId, stepId, items) => {
      const edit: Edit = items
        ? { type: 'setPin', workflowId, stepId, ...texts.pins.keep(items) }
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
