import type { StateCreator } from 'zustand';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent, RunLogLine } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { openWorkflow } from './documentSlice.ts';
import { hasComputer } from './hostFacts.ts';
import { foldView, isOver, newRunView, type RunView } from './runView.ts';
import type { EditorDeps, EditorState } from './store.ts';

export type StartOptions = { triggerStepId?: string; items?: Item[]; fromStepId?: string; stopAfterStepId?: string };

export type RunSlice = {
  runs: Record<string, RunView>;
  /** Lists for the history, newest first. */
  localRuns: RunSummary[];
  hostedRuns: RunSummary[];
  /** By workflow: the run whose data its canvas shows. */
  shownRun: Record<string, string>;
  /** A past run is looked at: nothing can be changed meanwhile. */
  readOnlyRun: string | undefined;
  starting: boolean;
  /** Items fetched from blobs, by hash. */
  blobs: Record<string, Item[]>;
  start(options?: StartOptions): Promise<void>;
  stop(): Promise<void>;
  runEvent(event: Extract<HostEvent, { type: 'run.event' }>): void;
  runLog(line: RunLogLine): void;
  runChanged(where: RunView['where'], run: RunSummary): void;
  runnerStopped(reason: string): void;
  loadRuns(): Promise<void>;
  /** Fetches a run's events and shows them on the canvas of its workflow, read-only. */
  showRun(run: Pick<RunSummary, 'id' | 'workflowId'>, where: RunView['where']): Promise<void>;
  loadRun(runId: string, where: RunView['where']): Promise<RunView | undefined>;
  leaveRun(): void;
  fetchBlob(runId: string, blob: string): Promise<void>;
};

const MOST_LOG_LINES = 5_000;
/** What is read out when a run has ended. */
const ENDS: Record<Extract<RunEvent, { type: 'run.ended' }>['status'], string> = {
  succeeded: 'The run succeeded.',
  failed: 'The run failed.',
  cancelled: 'The run was cancelled.',
  timed_out: 'The run took too long and was ended.',
};

export function createRunSlice(deps: EditorDeps): StateCreator<EditorState, [], [], RunSlice> {
  return (set, get) => {
    let waiting: { event: RunEvent; where: RunView['where'] }[] = [];
    let lines: RunLogLine[] = [];
    let scheduled = false;
    const fetching = new Set<string>();

    /** Many events come together; they are folded once a frame. */
    function schedule() {
      if (scheduled) return;
      scheduled = true;
      deps.nextFrame(flush);
    }

    function flush() {
      scheduled = false;
      const runs = { ...get().runs };
      const gaps = new Map<string, RunView['where']>();
      for (const { event, where } of waiting) {
        const view = runs[event.runId] ?? newRunView(event.runId, where);
        try {
          runs[event.runId] = foldView(view, event);
        } catch {
          // Events before this one are missing, as of a run that was under way when the editor opened.
          gaps.set(event.runId, where);
        }
      }
      for (const line of lines) {
        const view = runs[line.runId];
        if (view) runs[line.runId] = { ...view, logs: [...view.logs, line].slice(-MOST_LOG_LINES) };
      }
      const ended = waiting.filter(({ event }) => event.type === 'run.ended');
      waiting = [];
      lines = [];
      set({ runs });
      for (const [runId, where] of gaps) void get().loadRun(runId, where);
      for (const { event } of ended) if (event.type === 'run.ended') runEnded(event);
    }

    function runEnded(event: Extract<RunEvent, { type: 'run.ended' }>) {
      const view = get().runs[event.runId];
      const workflowId = view?.run.workflowId;
      if (!workflowId || get().shownRun[workflowId] !== event.runId) return;
      get().announce(`${ENDS[event.status]} ${event.error?.message ?? ''}`.trim());
      // The panel opens by itself only when something failed.
      if (event.status === 'failed' || event.status === 'timed_out') {
        const failed = event.error?.stepId;
        if (failed && get().workflowId === workflowId && get().selection.length === 0) get().select([failed]);
        get().setBottom({ open: true, tab: 'data' });
      }
    }

    /** The data of the last run is on the canvas of a workflow that shows no other. */
    async function showLast(runs: RunSummary[], where: RunView['where']) {
      const { workflowId, shownRun } = get();
      const last = runs.find((run) => run.workflowId === workflowId);
      if (!workflowId || !last || shownRun[workflowId]) return;
      const view = await get().loadRun(last.id, where);
      if (view) set((state) => ({ shownRun: { [workflowId]: last.id, ...state.shownRun } }));
    }

    return {
      runs: {},
      localRuns: [],
      hostedRuns: [],
      shownRun: {},
      readOnlyRun: undefined,
      starting: false,
      blobs: {},

      async start(options = {}) {
        const { doc, workflowId } = get();
        const workflow = openWorkflow(get());
        if (!doc || !workflowId || !workflow || get().starting) return;
        set({ starting: true, readOnlyRun: undefined });
        try {
          await get().settled();
          const before = get().shownRun[workflowId];
          const basedOn = options.fromStepId && before && get().runs[before]?.where === 'local' ? before : undefined;
          const { runId } = await deps.client.runs.start({ projectId: doc.info.id, workflowId, ...options, basedOn });
          set((state) => {
            const view = state.runs[runId] ?? newRunView(runId, hasComputer(state) ? 'local' : 'hosted');
            return {
              runs: { ...state.runs, [runId]: { ...view, workflow } },
              shownRun: { ...state.shownRun, [workflowId]: runId },
            };
          });
          get().announce('The run started.');
        } catch (thrown) {
          get().fail(thrown, 'The run did not start');
        } finally {
          set({ starting: false });
        }
      },

      async stop() {
        const run = shownRunOf(get());
        const { doc } = get();
        if (!run || !doc) return;
        try {
          if (run.where === 'local') await deps.client.runs.cancel({ runId: run.runId });
          else await deps.client.hosted.cancel({ projectId: doc.info.id, runId: run.runId });
        } catch (thrown) {
          if (SluiceError.from(thrown).code !== 'run.finished') get().fail(thrown, 'The run could not be stopped');
        }
      },

      runEvent({ event, where }) {
        waiting.push({ event, where });
        schedule();
      },

      runLog(line) {
        lines.push(line);
        schedule();
      },

      runChanged(where, run) {
        const { doc } = get();
        if (doc?.info.id !== run.projectId) return;
        const list = where === 'local' ? 'localRuns' : 'hostedRuns';
        set((state) => {
          const known = state[list].some((one) => one.id === run.id);
          const next = known ? state[list].map((one) => (one.id === run.id ? run : one)) : [run, ...state[list]];
          return { [list]: next } as Pick<RunSlice, typeof list>;
        });
        // A hosted run of the workflow on the canvas is followed live, unless another run is being looked at. A short one
        // may be over when it is first heard of.
        if (where === 'hosted' && run.status !== 'queued' && get().readOnlyRun === undefined) {
          const shownId = get().shownRun[run.workflowId];
          const shown = get().runs[shownId ?? ''];
          // Ids sort by time: news of an older run must not take the place of a later one.
          if (!shown || run.id === shownId || (isOver(shown.run.status) && run.id > shown.runId)) {
            set((state) => ({ shownRun: { ...state.shownRun, [run.workflowId]: run.id } }));
            void get().loadRun(run.id, 'hosted');
          }
        }
      },

      runnerStopped(reason) {
        get().say({ kind: 'bad', title: 'The local runner stopped', text: reason });
      },

      async loadRuns() {
        const { doc, account } = get();
        if (!doc) return;
        const projectId = doc.info.id;
        try {
          const { data } = await deps.client.runs.list({ projectId, limit: 50 });
          set({ localRuns: data });
          await showLast(data, 'local');
        } catch (thrown) {
          get().fail(thrown, 'The list of runs could not be read');
        }
        if (account?.status !== 'signed_in' || doc.info.sync.state === 'local_only') return;
        try {
          const { data } = await deps.client.hosted.runs({ projectId, limit: 50 });
          set({ hostedRuns: data });
          if (!hasComputer(get())) await showLast(data, 'hosted');
        } catch {
          // The runs screen says that the control plane does not answer; the editor goes on without.
        }
      },

      async loadRun(runId, where) {
        const { doc } = get();
        if (!doc) return undefined;
        try {
          const projectId = doc.info.id;
          const answer =
            where === 'local'
              ? await deps.client.runs.get({ runId })
              : { ...(await deps.client.hosted.run({ projectId, runId })), logs: [] };
          const known = get().runs[runId];
          const view = {
            ...answer.events.reduce(foldView, newRunView(runId, where, known?.workflow)),
            logs: answer.logs,
          };
          // Meanwhile more may have come in by event.
          if (known && known.run.seq > view.run.seq) return known;
          set((state) => ({ runs: { ...state.runs, [runId]: view } }));
          return view;
        } catch (thrown) {
          get().fail(thrown, 'The run could not be read');
          return undefined;
        }
      },

      async showRun({ id, workflowId }, where) {
        if (!(await get().loadRun(id, where))) return;
        get().openWorkflowTab(workflowId);
        set((state) => ({ shownRun: { ...state.shownRun, [workflowId]: id }, readOnlyRun: id }));
        get().setBottom({ open: true, tab: 'data' });
      },

      leaveRun: () => set({ readOnlyRun: undefined }),

      async fetchBlob(runId, blob) {
        if (get().blobs[blob] || fetching.has(blob)) return;
        fetching.add(blob);
        try {
          const { items } = await deps.client.runs.items({ runId, blob });
          set((state) => ({ blobs: { ...state.blobs, [blob]: items } }));
        } catch (thrown) {
          get().fail(thrown, 'The items could not be read');
        } finally {
          fetching.delete(blob);
        }
      },
    };
  };
}

/** The run that the open canvas shows. */
export function shownRunOf(state: EditorState): RunView | undefined {
  // What is drawn is not what ran.
  if (state.looking) return undefined;
  const runId = state.workflowId === undefined ? undefined : state.shownRun[state.workflowId];
  return runId === undefined ? undefined : state.runs[runId];
}

/** A run of the open workflow that is under way. */
export function isRunning(state: EditorState): boolean {
  const view = shownRunOf(state);
  return view !== undefined && !isOver(view.run.status) && view.run.seq > 0;
}
