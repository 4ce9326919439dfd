import type { StateCreator } from 'zustand';
import type { Presence } from '#shared/contract/host/presence.ts';
import type { EditorDeps, EditorState } from './store.ts';

export type PresenceSlice = {
  /** The others in the project, one for each window of theirs. */
  people: Presence[];
  peopleChanged(people: Presence[]): void;
  /** Where the pointer is on the canvas; undefined: elsewhere. */
  pointAt(cursor: [x: number, y: number] | undefined): void;
  /** Tells the others where this person is, at most ten times a second, and nobody where there is nobody to tell. */
  tellPresence(): void;
};

const EVERY_MS = 100;
const MOST_SELECTED = 100;

export function createPresenceSlice(deps: EditorDeps): StateCreator<EditorState, [], [], PresenceSlice> {
  return (set, get) => {
    let cursor: [number, number] | undefined;
    let told = '';
    let due = false;
    let running = false;

    function here() {
      const { doc, workflowId, selection, stepView, area, looking, host, account } = get();
      const canTell = host?.supports.includes('presence') && account?.status === 'signed_in';
      if (!doc || !canTell || !doc.info.sync.workspaceId) return undefined;
      const isThere = area === 'workflows' && !looking;
      return {
        projectId: doc.info.id,
        ...(workflowId ? { workflowId } : {}),
        ...(cursor && isThere && get().people.length > 0 ? { cursor } : {}),
        selection: isThere ? selection.slice(0, MOST_SELECTED) : [],
        ...(stepView && isThere ? { editing: stepView } : {}),
      };
    }

    async function run(): Promise<void> {
      running = true;
      while (due) {
        due = false;
        const now = here();
        const text = JSON.stringify(now);
        if (!now || text === told) continue;
        told = text;
        // Nobody is kept from working by it; the next word is a new try.
        await deps.client.presence.tell(now).catch(() => undefined);
        await deps.sleep(EVERY_MS);
      }
      running = false;
    }

    return {
      people: [],

      peopleChanged(people) {
        const before = get().people;
        set({ people });
        const known = new Set(before.map((one) => one.sessionId));
        // Somebody who just came has not heard yet where this person is.
        if (people.some((one) => !known.has(one.sessionId))) {
          told = '';
          get().tellPresence();
        }
      },

      pointAt(next) {
        cursor = next && [Math.round(next[0]), Math.round(next[1])];
        if (get().people.length > 0) get().tellPresence();
      },

      tellPresence() {
        due = true;
        if (!running) void run();
      },
    };
  };
}

/** The others, one for each person: who has several windows is where the last of them is. */
export function peopleOf(people: readonly Presence[]): Presence[] {
  return [...new Map(people.map((one) => [`${one.name}\n${one.color}`, one])).values()];
}
