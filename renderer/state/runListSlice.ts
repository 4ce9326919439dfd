import type { StateCreator } from 'zustand';
import type { RetryResult } from '#shared/contract/host/runs.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { OpenWait } from './openWaits.ts';
import type { RunView } from './runView.ts';
import type { EditorDeps, EditorState } from './store.ts';

/** How a run is done again: from where, and with what was published or drawn then or now. */
export type RetryWish = { from: 'failed' | 'start'; version: 'same' | 'latest'; fromStepId?: string };

/** What a person does with runs that are under way or over: look, answer, do again. */
export type RunListSlice = {
  /** Which runs the runs screen lists; the likelier ones until somebody says. */
  runsWhere: RunView['where'] | undefined;
  /** The run beside the list. */
  lookedAt: string | undefined;
  /** Opens a run beside the list of runs; one that the list does not hold yet is fetched. */
  lookAt(runId: string, where: RunView['where']): Promise<void>;
  /** Does a run again, and gives the id of the new one. @throws SluiceError why it cannot be done again */
  retryRun(runId: string, where: RunView['where'], wish: RetryWish): Promise<string>;
  /** The same for many. What cannot be done again says why; what was not asked for, as the host is gone, too. */
  retryRuns(runIds: readonly string[], where: RunView['where'], wish: RetryWish): Promise<RetryResult[]>;
  /** Ends a wait of a run. @throws SluiceError what the host says, as when somebody was quicker */
  answerWait(run: Pick<RunView, 'runId' | 'where'>, wait: OpenWait, input: Json): Promise<void>;
};

/** In one call. */
const MOST_RETRIES = 100;

export function createRunListSlice(deps: EditorDeps): StateCreator<EditorState, [], [], RunListSlice> {
  return (set, get) => {
    return {
      runsWhere: undefined,
      lookedAt: undefined,

      async lookAt(runId, where) {
        const projectId = get().doc?.info.id;
        if (!projectId) return;
        set({ area: 'runs', runsWhere: where, lookedAt: runId });
        const list = where === 'local' ? 'localRuns' : 'hostedRuns';
        if (get()[list].some(({ id }) => id === runId)) return;
        try {
          const { run } = await (where === 'local'
            ? deps.client.runs.get({ runId })
            : deps.client.hosted.run({ projectId, runId }));
          // Ids sort by time; meanwhile it may have come by itself.
          set((state) => {
            const others = state[list].filter(({ id }) => id !== runId);
            const known = state[list].find(({ id }) => id === runId);
            const next = [...others, known ?? run].sort((a, b) => (a.id < b.id ? 1 : -1));
            return { [list]: next } as Pick<EditorState, typeof list>;
          });
        } catch (thrown) {
          get().fail(thrown, 'The run could not be read');
        }
      },

      async retryRun(runId, where, wish) {
        const projectId = get().doc?.info.id ?? '';
        await get().settled();
        const again = await (where === 'local'
          ? deps.client.runs.retry({ runId, ...wish })
          : deps.client.hosted.retry({ projectId, runId, ...wish }));
        return again.runId;
      },

      async retryRuns(runIds, where, { from, version }) {
        const projectId = get().doc?.info.id ?? '';
        await get().settled();
        const results: RetryResult[] = [];
        for (let at = 0; at < runIds.length; at += MOST_RETRIES) {
          const wish = { runIds: runIds.slice(at, at + MOST_RETRIES), from, version };
          try {
            const answer = await (where === 'local'
              ? deps.client.runs.retryMany(wish)
              : deps.client.hosted.retryMany({ projectId, ...wish }));
            results.push(...answer.results);
          } catch (thrown) {
            const { code, message } = SluiceError.from(thrown);
            results.push(...wish.runIds.map((runId) => ({ runId, error: { code, message } })));
          }
        }
        return results;
      },

      async answerWait({ runId, where }, { stepId, iteration = 0, path }, input) {
        const projectId = get().doc?.info.id;
        if (!projectId) return;
        const wish = { runId, stepId, iteration, ...(path ? { path } : {}), input };
        try {
          if (where === 'local') await deps.client.runs.resume(wish);
          else await deps.client.hosted.resume({ projectId, ...wish });
        } catch (thrown) {
          // Somebody else was quicker, or the time was over: what is shown is old.
          if (SluiceError.from(thrown).code === 'run.not_waiting') void get().loadRun(runId, where);
          throw thrown;
        }
      },
    };
  };
}
