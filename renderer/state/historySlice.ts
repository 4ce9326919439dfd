import type { StateCreator } from 'zustand';
import type { Version } from '#shared/contract/cloud/common.ts';
import type { HistoryEntry } from '#shared/contract/host/history.ts';
import type { Change } from '#shared/contract/host/publish.ts';
import { SluiceError } from '#shared/error.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Comparison, compareTrees, type Mark, withoutMarks } from '../changes/compareTrees.ts';
import type { EditorDeps, EditorState } from './store.ts';

/** What the project is compared with. */
export type Against =
  | { kind: 'head' }
  | { kind: 'deployed'; environment: string }
  | { kind: 'revision'; where: 'cloud' | 'local'; revision: number };

/** Two states of the project on the canvas in place of the one that is edited. Read-only. */
export type Looking = Comparison & {
  /** What the two are called, "r41" and "r42". The same: one state, looked at for itself. */
  names: [before: string, after: string];
  /** The point of the history that is looked at. */
  entry?: HistoryEntry;
  against?: Against;
  /** The later one is the project as it is now; it goes on changing. */
  isNow: boolean;
};

export type HistorySlice = {
  looking: Looking | undefined;
  history: { entries: HistoryEntry[]; next?: string; loading: boolean; error?: SluiceError };
  /** What is published, to name the revisions by. */
  versions: Version[];
  /** Newest first; with `more` the page after what is there. */
  loadHistory(more?: boolean): Promise<void>;
  /** Shows what a revision was, with what it changed; or, against now, what has changed since. */
  lookAtRevision(entry: HistoryEntry, against: 'before' | 'now'): Promise<void>;
  /** Shows what the project has that another state of it has not. */
  compareWith(against: Against): Promise<void>;
  stopLooking(): void;
  restoreRevision(entry: HistoryEntry): Promise<void>;
  nameRevision(entry: HistoryEntry, name: string | null): Promise<void>;
  /** The project changed while it is compared. */
  lookAgain(): void;
};

/** Whether the canvas shows what cannot be changed: a past run, or another state of the project. */
export const isReadOnly = (state: EditorState): boolean =>
  state.readOnlyRun !== undefined || state.looking !== undefined || mayOnlyLook(state);

/** Whoever is here has no right to change the project. */
export const mayOnlyLook = (state: EditorState): boolean => state.doc?.info.readOnly === true;

/** How a step or an edge of the open workflow differs, while two states are compared. */
export const markOf =
  (id: string) =>
  (state: EditorState): Mark | undefined =>
    state.looking?.marks[state.workflowId ?? '']?.[id];

const PAGE = 40;

export function createHistorySlice(deps: EditorDeps): StateCreator<EditorState, [], [], HistorySlice> {
  const { history: calls, documents } = deps.client;
  return (set, get) => {
    let turn = 0;

    /** Puts two states on the canvas, on a workflow that differs if the open one does not. */
    function show(looking: Looking): void {
      const open = get().workflowId;
      const isDifferent = (id: string | undefined) =>
        id !== undefined && Object.keys(looking.marks[id] ?? {}).length > 0;
      const other = Object.keys(looking.workflows).find(isDifferent);
      set({ looking, readOnlyRun: undefined });
      if (other !== undefined && !isDifferent(open)) get().openWorkflowTab(other);
      set({ area: 'changes', changesPart: 'detail', looking, selection: [], selectedEdges: [] });
    }

    async function treeAt(where: 'cloud' | 'local', revision: number): Promise<Tree | undefined> {
      const projectId = get().doc?.info.id;
      if (!projectId || revision < 1) return undefined;
      // What is too old is not kept any more.
      return calls.at({ projectId, where, revision }).then(
        (answer) => answer.tree,
        () => undefined,
      );
    }

    return {
      looking: undefined,
      history: { entries: [], loading: false },
      versions: [],

      async loadHistory(more = false) {
        const projectId = get().doc?.info.id;
        if (!projectId || !get().host?.supports.includes('history')) return;
        const before = get().history;
        if (more && (before.next === undefined || before.loading)) return;
        set({ history: { ...before, loading: true } });
        try {
          const where = more ? before.entries[0]?.where : undefined;
          const { data, nextCursor } = await calls.list({
            projectId,
            limit: PAGE,
            ...(where ? { where } : {}),
            ...(more && before.next ? { cursor: before.next } : {}),
          });
          if (get().doc?.info.id !== projectId) return;
          const entries = more ? [...before.entries, ...data] : data;
          set({ history: { entries, loading: false, ...(nextCursor ? { next: nextCursor } : {}) } });
        } catch (thrown) {
          if (get().doc?.info.id !== projectId) return;
          set({ history: { ...before, loading: false, error: SluiceError.from(thrown) } });
        }
        if (more || !get().doc?.info.sync.workspaceId || get().account?.status !== 'signed_in') return;
        const versions = await deps.client.publish.versions({ projectId, limit: 100 }).catch(() => undefined);
        if (versions && get().doc?.info.id === projectId) set({ versions: versions.data });
      },

      async lookAtRevision(entry, against) {
        const projectId = get().doc?.info.id;
        if (!projectId) return;
        const mine = ++turn;
        const { where, revision } = entry;
        try {
          const [{ tree }, older] = await Promise.all([
            calls.at({ projectId, where, revision }),
            against === 'before' ? treeAt(where, revision - 1) : undefined,
          ]);
          const current = get().doc?.tree;
          if (mine !== turn || !current || get().doc?.info.id !== projectId) return;
          const name = `r${revision}`;
          if (against === 'now') {
            show({ ...compareTrees(tree, current), names: [name, 'Now'], entry, isNow: true });
          } else if (older) {
            show({ ...compareTrees(older, tree), names: [`r${revision - 1}`, name], entry, isNow: false });
          } else show({ ...withoutMarks(tree), names: [name, name], entry, isNow: false });
        } catch (thrown) {
          if (mine === turn) get().fail(thrown, `Revision ${revision} could not be read`);
        }
      },

      async compareWith(against) {
        const { doc } = get();
        if (!doc) return;
        const mine = ++turn;
        try {
          await get().settled();
          const { before, changes } = await documents.changes({ projectId: doc.info.id, against });
          const current = get().doc?.tree;
          if (mine !== turn || !current || get().doc?.info.id !== doc.info.id) return;
          const found = compareTrees(before, current);
          show({
            ...found,
            changes: withAuthors(found.changes, changes),
            names: [nameOf(against, get()), 'Now'],
            against,
            isNow: true,
          });
        } catch (thrown) {
          if (mine === turn) get().fail(thrown, 'The two could not be compared');
        }
      },

      stopLooking() {
        turn++;
        if (get().looking) set({ looking: undefined, selection: [], selectedEdges: [] });
      },

      async restoreRevision({ where, revision }) {
        const projectId = get().doc?.info.id;
        if (!projectId) return;
        try {
          await get().settled();
          await calls.restore({ projectId, where, revision });
          get().stopLooking();
          get().say({
            kind: 'ok',
            title: `Revision ${revision} is restored`,
            text: 'As a new revision: everything since is in the history.',
          });
          void get().loadHistory();
        } catch (thrown) {
          get().fail(thrown, `Revision ${revision} was not restored`);
        }
      },

      async nameRevision(entry, name) {
        const projectId = get().doc?.info.id;
        if (!projectId) return;
        const { where, revision } = entry;
        try {
          await calls.name({ projectId, where, revision, name });
          const renamed = ({ name: _before, ...one }: HistoryEntry): HistoryEntry => (name ? { ...one, name } : one);
          const isIt = (one: HistoryEntry) => one.where === where && one.revision === revision;
          set(({ history, looking }) => ({
            history: { ...history, entries: history.entries.map((one) => (isIt(one) ? renamed(one) : one)) },
            looking: looking?.entry && isIt(looking.entry) ? { ...looking, entry: renamed(looking.entry) } : looking,
          }));
        } catch (thrown) {
          get().fail(thrown, 'The name was not kept');
        }
      },

      lookAgain() {
        const { looking, doc } = get();
        if (!looking?.isNow || !doc || looking.after === doc.tree) return;
        const found = compareTrees(looking.before, doc.tree);
        set({ looking: { ...looking, ...found, changes: withAuthors(found.changes, looking.changes) } });
      },
    };
  };
}

function nameOf(against: Against, state: EditorState): string {
  switch (against.kind) {
    case 'head':
      return `r${state.doc?.info.sync.revision ?? 0}`;
    case 'deployed': {
      const live = state.deployments.find((one) => one.status === 'active' && one.environment === against.environment);
      return live ? `v${live.versionNumber}` : against.environment;
    }
    case 'revision':
      return `r${against.revision}`;
  }
}

/** What differs is worked out here, where the drawing is; who did it, only the host knows. */
function withAuthors(changes: Change[], known: readonly Change[]): Change[] {
  const key = ({ subject, where, title }: Change) => `${subject}\n${where}\n${title}`;
  const authors = new Map(known.map((change) => [key(change), change.authors]));
  return changes.map((change) => ({ ...change, authors: authors.get(key(change)) ?? change.authors }));
}
