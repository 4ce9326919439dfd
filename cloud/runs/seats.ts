import type { Signals } from './signals.ts';

/** Without a signal nobody believes for longer that there is nothing to take. */
export const QUIET_MS = 1_000;

type Place = { heard: number; quietAt: number; quietUntil: number; waiting: number };

/**
 * The runtimes that ask this process for work. Most ask again right after they were given a run: where nothing was left, and
 * nobody has told of work since, the database is not asked.
 */
export function createSeats(signals: Pick<Signals, 'subscribe'>, now: () => number) {
  const places = new Map<string, Place>();

  function placeOf(workspaceId: string): Place {
    const known = places.get(workspaceId);
    if (known) return known;
    const made: Place = { heard: 0, quietAt: -1, quietUntil: 0, waiting: 0 };
    places.set(workspaceId, made);
    return made;
  }

  signals.subscribe((signal) => {
    if (signal.kind !== 'work') return;
    const place = places.get(signal.workspaceId);
    if (place) place.heard += 1;
  });

  return {
    isAttended: (workspaceId: string): boolean => (places.get(workspaceId)?.waiting ?? 0) > 0,
    take(workspaceId: string, free: number) {
      const place = placeOf(workspaceId);
      let waits = false;
      return {
        /** Nothing was left at the last look, and no work was told of since. */
        isQuiet: () => place.quietAt === place.heard && now() < place.quietUntil,
        async look<T>(claim: () => Promise<T[]>): Promise<T[]> {
          const heard = place.heard;
          const taken = await claim();
          // Work that came while we looked was told of, so the numbers differ.
          if (taken.length < free) Object.assign(place, { quietAt: heard, quietUntil: now() + QUIET_MS });
          return taken;
        },
        waits(now: boolean): void {
          if (now !== waits && free > 0) place.waiting += now ? 1 : -1;
          waits = now;
        },
      };
    },
  };
}
