import type { StateCreator } from 'zustand';
import { SluiceError } from '#shared/error.ts';
import { diffTrees } from '#shared/merge/ops.ts';
import { undo } from '#shared/merge/undo.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import type { Tree, Workflow } from '#shared/workflow/tree.ts';
import { createSaveLoop, type SaveLoop, type SaveState } from '../host/saveLoop.ts';
import {
  addChange,
  type Change,
  confirm,
  type Document,
  markSent,
  openDocument,
  type ProjectChanged,
  receive,
  refuse,
} from './document.ts';
import { shownRunOf } from './runSlice.ts';
import { isOver } from './runView.ts';
import type { EditorDeps, EditorState } from './store.ts';

/** One thing to undo: the tree before and after what this editor did, and nothing that others did meanwhile. */
export type HistoryEntry = { before: Tree; after: Tree; group?: string; at: number };

export type DocumentSlice = {
  doc: Document | undefined;
  saving: SaveState;
  undoStack: HistoryEntry[];
  redoStack: HistoryEntry[];
  /**
   * Draws edits at once and queues them for the host. False where they do not fit; the person is told.
   * @param group edits of the same group that follow each other, like the keys of a word, are undone together
   */
  edit(edits: Edit[], group?: string): boolean;
  undo(): void;
  redo(): void;
  /** Takes back one edit and nothing that others did since. False where nothing of it is left to take back. */
  takeBack(edit: { before: Tree; after: Tree }): boolean;
  openProject(projectId: string): Promise<void>;
  closeProject(): Promise<void>;
  /** What the host did since, of whichever project. */
  projectChanged(events: ProjectChanged[]): void;
  /** What waits is saved when this resolves. */
  settled(): Promise<void>;
  wakeSaving(): void;
  /** The host is back, maybe another one that knows nothing of this window: the project and its run are read anew. */
  reopen(): Promise<void>;
};

/** What whoever may only look can do about it. */
export const MAY_LOOK = 'Ask an owner or admin of the workspace for the editor role.';
const GROUP_MS = 1_500;
const MOST_UNDO = 200;

export function createDocumentSlice(deps: EditorDeps): StateCreator<EditorState, [], [], DocumentSlice> {
  return (set, get) => {
    let loop: SaveLoop | undefined;
    let nextId = 1;

    function startLoop(projectId: string): SaveLoop {
      const ours = () => get().doc?.info.id === projectId;
      return createSaveLoop({
        sleep: deps.sleep,
        send: async (change) => {
          const { documents } = deps.client;
          if (change.kind === 'ops') return (await documents.patch({ projectId, ops: change.ops })).revision;
          return (await documents.edit({ projectId, edits: change.edits })).revision;
        },
        onSent: (ids) => ours() && update((doc) => markSent(doc, ids)),
        onKept: (ids, revision) => ours() && update((doc) => confirm(doc, ids, revision)),
        onRefused: (ids, error) => {
          if (!ours()) return;
          update((doc) => refuse(doc, ids));
          set({ undoStack: [], redoStack: [] });
          get().say({ kind: 'bad', title: 'A change was taken back', text: error.message });
        },
        onState: (saving) => ours() && set({ saving }),
      });
    }

    function update(change: (doc: Document) => Document | 'reload') {
      const { doc } = get();
      if (!doc) return;
      const next = change(doc);
      if (next === 'reload') void reload(doc.info.id);
      else if (next !== doc) set({ doc: next });
    }

    /** After a missed event: what the host has, with what it has not confirmed on top. */
    async function reload(projectId: string) {
      const state = await deps.client.projects.open({ projectId });
      const { doc } = get();
      if (doc?.info.id !== projectId) return;
      let fresh = openDocument(state);
      for (const { id, change, revision } of doc.pending) {
        if (revision !== undefined && revision <= state.revision) continue;
        try {
          fresh = addChange(fresh, id, change);
        } catch {
          // It does not fit any more; the host's answer will say so.
        }
      }
      set({ doc: fresh });
    }

    function apply(change: Change): Document | undefined {
      const { doc } = get();
      if (!doc || !loop || get().looking) return undefined;
      if (doc.info.readOnly) {
        get().say({ kind: 'info', title: 'You may only look at this project', text: MAY_LOOK });
        return undefined;
      }
      const id = nextId++;
      try {
        const next = addChange(doc, id, change);
        if (next.tree === doc.tree) return undefined;
        set({ doc: next, saving: { state: 'saving' } });
        loop.add({ id, change });
        return next;
      } catch (thrown) {
        const error = SluiceError.from(thrown);
        get().say({ kind: 'bad', title: error.message, text: error.advice });
        return undefined;
      }
    }

    function takeBack(edit: { before: Tree; after: Tree }): boolean {
      const { doc } = get();
      if (!doc) return false;
      const { tree, left } = undo(edit, doc.tree);
      const { ops } = diffTrees(doc.tree, tree);
      if (left.length > 0) {
        const text = 'What somebody changed since stays as it is.';
        get().say({
          kind: 'info',
          title: ops.length > 0 ? 'A part of it is taken back' : 'Nothing was taken back',
          text,
        });
      }
      return ops.length > 0 && apply({ kind: 'ops', ops }) !== undefined;
    }

    /** Where this window has nothing left: what was done before it opened, the host remembers. */
    async function stepOfHost(way: 'undo' | 'redo') {
      const { doc, host } = get();
      const can = way === 'undo' ? doc?.canUndo : doc?.canRedo;
      if (!doc || !can || !host?.supports.includes('undo')) return;
      try {
        await get().settled();
        const { canUndo, canRedo, left } = await deps.client.documents[way]({ projectId: doc.info.id });
        set((state) => (state.doc?.info.id === doc.info.id ? { doc: { ...state.doc, canUndo, canRedo } } : {}));
        if (left.length > 0) get().say({ kind: 'info', title: 'What somebody changed since stays as it is' });
      } catch (thrown) {
        get().fail(thrown, way === 'undo' ? 'Nothing was undone' : 'Nothing was redone');
      }
    }

    function step(from: 'undoStack' | 'redoStack', to: 'undoStack' | 'redoStack') {
      const entry = get()[from].at(-1);
      if (!entry) return void stepOfHost(from === 'undoStack' ? 'undo' : 'redo');
      const { before, after } = entry;
      const done = takeBack(from === 'undoStack' ? { before, after } : { before: after, after: before });
      set((state) => ({
        [from]: state[from].slice(0, -1),
        [to]: done ? [...state[to], { ...entry, group: undefined }] : state[to],
      }));
    }

    return {
      doc: undefined,
      saving: { state: 'saved' },
      undoStack: [],
      redoStack: [],

      edit(edits, group) {
        const before = get().doc?.tree;
        const after = apply({ kind: 'edits', edits })?.tree;
        if (!before || !after) return false;
        const at = deps.now();
        set(({ undoStack }) => {
          const last = undoStack.at(-1);
          const joins =
            group !== undefined && last?.group === group && last.after === before && at - last.at < GROUP_MS;
          if (joins) return { undoStack: [...undoStack.slice(0, -1), { ...last, after, at }], redoStack: [] };
          return { undoStack: [...undoStack, { before, after, group, at }].slice(-MOST_UNDO), redoStack: [] };
        });
        return true;
      },

      undo: () => step('undoStack', 'redoStack'),
      redo: () => step('redoStack', 'undoStack'),
      takeBack,

      async openProject(projectId) {
        const state = await deps.client.projects.open({ projectId });
        loop = startLoop(projectId);
        set({ doc: openDocument(state), undoStack: [], redoStack: [], saving: { state: 'saved' } });
        get().resetView(state);
        get().setPreference({ lastProjectId: projectId });
        void get().loadRuns();
        void get().loadDeployments();
        void get().loadConflicts();
        get().tellPresence();
      },

      async closeProject() {
        const { doc } = get();
        if (!doc) return;
        await loop?.drained();
        loop = undefined;
        set({ doc: undefined, undoStack: [], redoStack: [] });
        await deps.client.projects.close({ projectId: doc.info.id });
      },

      projectChanged(events) {
        const ours = events.filter(({ projectId }) => projectId === get().doc?.info.id);
        if (ours.length === 0) return;
        update((doc) => receive(doc, ...ours));
        get().lookAgain();
      },

      settled: async () => loop?.drained(),
      wakeSaving: () => loop?.wake(),

      async reopen() {
        const { doc } = get();
        if (!doc) return;
        try {
          await reload(doc.info.id);
        } catch (thrown) {
          get().fail(thrown, 'The project could not be read again');
          return;
        }
        const shown = shownRunOf(get());
        if (shown && shown.run.seq > 0 && !isOver(shown.run.status)) await get().loadRun(shown.runId, shown.where);
      },
    };
  };
}

/** The workflow that is open, as it is drawn; another state of it while one is looked at. */
export function openWorkflow(state: EditorState): Workflow | undefined {
  if (state.workflowId === undefined) return undefined;
  return (state.looking ?? state.doc?.tree)?.workflows[state.workflowId];
}

/** A selector for one step of the open workflow: it changes only when that step does. */
export const stepById = (stepId: string | undefined) => (state: EditorState) =>
  stepId === undefined ? undefined : openWorkflow(state)?.steps[stepId];
