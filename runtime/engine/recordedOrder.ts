import type { EventOf, RunEvent } from '#shared/run/events.ts';

/**
 * The order in which answers from outside came. With durability `run` what was not recorded is worked out again, and step
 * runs beside each other are numbered as they begin: only where recorded answers come in their order does each of them meet
 * its own again.
 */
export function createRecordedOrder(events: readonly RunEvent[], keyOf: (event: EventOf<'effect.recorded'>) => string) {
  const places = new Map<string, number>();
  const arrived: { seq: number; go(): void }[] = [];
  let isLooking = false;
  for (const event of events)
    if (event.type === 'effect.recorded' && event.error === undefined) places.set(keyOf(event), event.seq);

  /** The first of those that have come goes on; what follows from it comes before the next one does. */
  function look(): void {
    isLooking = false;
    const [first] = arrived.toSorted((a, b) => a.seq - b.seq);
    if (!first) return;
    arrived.splice(arrived.indexOf(first), 1);
    first.go();
    lookSoon();
  }

  function lookSoon(): void {
    if (isLooking || arrived.length === 0) return;
    isLooking = true;
    setImmediate(look);
  }

  /** Resolves when it is the turn of an answer that was recorded; undefined where it need not wait, as the second time. */
  return (key: string): Promise<void> | undefined => {
    const seq = places.get(key);
    if (seq === undefined) return undefined;
    places.delete(key);
    return new Promise((go) => {
      arrived.push({ seq, go });
      lookSoon();
    });
  };
}
