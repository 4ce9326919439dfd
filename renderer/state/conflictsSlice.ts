import type { StateCreator } from 'zustand';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { sameJson } from '#shared/merge/sameJson.ts';
import { getIn, setIn } from '#shared/workflow/plainData.ts';
import { parseEdge, type Tree } from '#shared/workflow/tree.ts';
import { placeOfConflict } from '../changes/conflictWords.ts';
import { plural } from '../look/format.ts';
import type { EditorDeps, EditorState } from './store.ts';

export type ConflictChoice = 'theirs' | 'ours' | 'edit';
/** How it stands with an answer that somebody here gives: under way, refused, or given and what it changed. */
export type Answering =
  | { state: 'busy'; choice: ConflictChoice }
  | { state: 'refused'; choice: ConflictChoice; value?: Json; error: SluiceError }
  | { state: 'given'; choice: ConflictChoice; edit?: { before: Tree; after: Tree } };

export type ConflictsSlice = {
  /** Every record of the project, newest first; also those that need nobody, and those that were answered. */
  conflicts: ConflictEntry[];
  /** The record that is being decided. */
  conflictId: string | undefined;
  /** By record, what became of answers given in this window. */
  answering: Record<string, Answering>;
  /** What is being written by hand, by record: news from others must not take it away. */
  drafts: Record<string, string>;
  loadConflicts(): Promise<void>;
  /** Shows a record beside the canvas, and the step it is about on it. */
  openConflict(conflictId: string | undefined): void;
  /** @param was of a refusal because the place was changed since: the person has seen what stands there now */
  answer(conflictId: string, choice: ConflictChoice, value?: Json, was?: string): Promise<void>;
  answerAll(choice: 'theirs' | 'ours'): Promise<void>;
  /** Makes the place what it was before the answer; the answer itself stays given. */
  takeBackAnswer(conflictId: string): void;
  setDraft(conflictId: string, text: string | undefined): void;
};

/** The records that publishing waits for. */
export const openConflicts = (state: EditorState): ConflictEntry[] => state.conflicts.filter(isOpen);
export const isOpen = (one: ConflictEntry): boolean => one.status === 'open';

/** How many open records are about a step of the open workflow. */
export const conflictsOfStep =
  (stepId: string) =>
  ({ conflicts, workflowId }: EditorState): number =>
    countsOf(conflicts).get(`${workflowId}/${stepId}`) ?? 0;

const counts = new WeakMap<ConflictEntry[], Map<string, number>>();

/** By workflow and step. Every card asks at every change, so they are counted once for a list. */
function countsOf(conflicts: ConflictEntry[]): Map<string, number> {
  const known = counts.get(conflicts);
  if (known) return known;
  const found = new Map<string, number>();
  for (const one of conflicts) {
    const [kind, workflowId, , part] = one.path;
    if (kind !== 'workflows' || part === undefined || !isOpen(one)) continue;
    const key = `${workflowId}/${part}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  counts.set(conflicts, found);
  return found;
}

export function createConflictsSlice(deps: EditorDeps): StateCreator<EditorState, [], [], ConflictsSlice> {
  const { conflicts: calls } = deps.client;
  return (set, get) => {
    let asking = false;
    let again = false;

    const can = () => get().host?.supports.includes('conflicts') ?? false;

    /** Waits until the tree of a revision has arrived: the answer may come before its event. */
    async function arrived(revision: number): Promise<void> {
      for (let tries = 0; tries < 40 && (get().doc?.base.revision ?? revision) < revision; tries++)
        await deps.sleep(25);
    }

    function note(conflictId: string, answering: Answering | undefined): void {
      set((state) => {
        const { [conflictId]: _before, ...others } = state.answering;
        return { answering: answering ? { ...others, [conflictId]: answering } : others };
      });
    }

    function told(next: ConflictEntry): void {
      set((state) => ({ conflicts: state.conflicts.map((one) => (one.id === next.id ? next : one)) }));
    }

    return {
      conflicts: [],
      conflictId: undefined,
      answering: {},
      drafts: {},

      async loadConflicts() {
        const projectId = get().doc?.info.id;
        if (!projectId || !can()) return;
        again = asking;
        if (asking) return;
        asking = true;
        try {
          const before = get().conflicts.filter(isOpen).length;
          const conflicts = await calls.list({ projectId, status: 'all' });
          if (get().doc?.info.id !== projectId) return;
          set({ conflicts });
          const open = conflicts.filter(isOpen);
          if (open.length > before)
            get().announce(`${plural(open.length, 'conflict waits', 'conflicts wait')} for an answer.`);
          if (!open.some((one) => one.id === get().conflictId)) set({ conflictId: open[0]?.id });
        } catch (thrown) {
          get().fail(thrown, 'The conflicts could not be read');
        } finally {
          asking = false;
          if (again) void get().loadConflicts();
        }
      },

      openConflict(conflictId) {
        const { conflicts, doc } = get();
        const record = conflicts.find((one) => one.id === conflictId) ?? conflicts.find(isOpen);
        get().stopLooking();
        if (record && doc) {
          const { workflowId, stepId } = placeOfConflict(record, doc.tree);
          if (workflowId && doc.tree.workflows[workflowId]) {
            get().openWorkflowTab(workflowId);
            get().select(stepId ? [stepId] : []);
          }
        }
        set({ area: 'changes', conflictId: record?.id, changesPart: record ? 'detail' : 'list' });
      },

      async answer(conflictId, choice, value, was) {
        const { doc, conflicts } = get();
        const record = conflicts.find((one) => one.id === conflictId);
        if (!doc || !record || get().answering[conflictId]?.state === 'busy') return;
        note(conflictId, { state: 'busy', choice });
        try {
          await get().settled();
          const before = get().doc?.tree ?? doc.tree;
          const { revision, conflict } = await calls.resolve({
            projectId: doc.info.id,
            conflictId,
            choice,
            ...(value === undefined ? {} : { value }),
            ...(was === undefined ? {} : { was }),
          });
          await arrived(revision);
          const now = get().doc?.tree;
          const after = now && onlyAt(before, now, record);
          const edit = after && after !== before ? { before, after } : undefined;
          note(conflictId, { state: 'given', choice, ...(edit ? { edit } : {}) });
          told(conflict);
          get().setDraft(conflictId, undefined);
          const open = openConflicts(get());
          get().announce(
            open.length === 0 ? 'All conflicts are answered.' : `${plural(open.length, 'conflict')} left.`,
          );
        } catch (thrown) {
          const refused = { state: 'refused' as const, choice, error: SluiceError.from(thrown) };
          note(conflictId, value === undefined ? refused : { ...refused, value });
          // Somebody else may have been quicker.
          void get().loadConflicts();
        }
      },

      async answerAll(choice) {
        const projectId = get().doc?.info.id;
        if (!projectId) return;
        try {
          await get().settled();
          const { resolved, left } = await calls.resolveAll({ projectId, choice });
          get().say({
            kind: 'ok',
            title: choice === 'ours' ? 'Yours is used everywhere' : 'Theirs is kept everywhere',
            text: [
              `${plural(resolved.length, 'conflict is', 'conflicts are')} answered.`,
              left.length > 0 && `${left.length} stay open: their places were changed since.`,
            ]
              .filter(Boolean)
              .join(' '),
          });
        } catch (thrown) {
          get().fail(thrown, 'The conflicts were not answered');
        }
        await get().loadConflicts();
      },

      takeBackAnswer(conflictId) {
        const given = get().answering[conflictId];
        if (given?.state !== 'given' || !given.edit) return;
        if (get().takeBack(given.edit)) note(conflictId, { state: 'given', choice: given.choice });
      },

      setDraft: (conflictId, text) =>
        set((state) => {
          const { [conflictId]: _before, ...drafts } = state.drafts;
          return { drafts: text === undefined ? drafts : { ...drafts, [conflictId]: text } };
        }),
    };
  };
}

/**
 * The tree before with only what the answer itself changed as it is now: what others did meanwhile is not part of it.
 *
 * @returns `before` itself where the answer changed nothing
 */
function onlyAt(before: Tree, now: Tree, { path, kind }: ConflictEntry): Tree {
  const [part = '', workflowId = '', section, stepId] = path;
  const isStep = part === 'workflows' && section === 'steps' && stepId !== undefined && path.length === 4;
  const places =
    isStep && kind !== 'value'
      ? [
          path,
          ['workflows', workflowId, 'layout', stepId],
          ['pins', workflowId, stepId],
          ...edgesAround(before, now, workflowId, stepId).map((key) => ['workflows', workflowId, 'edges', key]),
        ]
      : [path];
  return places.reduce((tree, place) => {
    const [was, is] = [getIn(tree, place), getIn(now, place)];
    return sameJson(was, is) ? tree : (setIn(tree, place, is) ?? tree);
  }, before);
}

/** The edges of a step, and those that lead around it where it is gone. */
function edgesAround(before: Tree, now: Tree, workflowId: string, stepId: string): string[] {
  const keys = [before, now].flatMap((tree) => Object.keys(tree.workflows[workflowId]?.edges ?? {}));
  const ends = [...new Set(keys)].map((key) => ({ key, ...parseEdge(key) }));
  const into = new Set(ends.filter(({ to }) => to === stepId).map(({ from }) => from));
  const outOf = new Set(ends.filter(({ from }) => from === stepId).map(({ to }) => to));
  return ends.flatMap(({ key, from, to }) =>
    from === stepId || to === stepId || (into.has(from) && outOf.has(to)) ? [key] : [],
  );
}
