import type { EventOf, RunEvent } from '#shared/run/events.ts';

/** A wait of a run that nothing has ended yet: why, until when, and what the one who may end it is shown. */
export type OpenWait = Pick<EventOf<'run.waiting'>, 'stepId' | 'reason'> &
  Partial<Pick<EventOf<'run.waiting'>, 'iteration' | 'path' | 'until' | 'error' | 'details' | 'at'>>;

/** Who ended a wait, and what came with it. */
export type EndedWait = Pick<EventOf<'run.resumed'>, 'stepId' | 'iteration' | 'path' | 'by' | 'input' | 'at'> & {
  reason: OpenWait['reason'];
};

export type Waits = { open: OpenWait[]; ended: EndedWait[] };

export const NO_WAITS: Waits = { open: [], ended: [] };

type Place = { stepId: string; iteration?: number; path?: readonly string[] };

/** Tells the waits of one run apart: steps inside of others, and those of a loop, may wait side by side. */
export const placeOf = ({ stepId, iteration = 0, path = [] }: Place): string => [...path, stepId, iteration].join('/');

/** The waits of a run after one more of its events; the same value where it changes none. */
export function foldWaits(waits: Waits, event: RunEvent): Waits {
  switch (event.type) {
    case 'run.waiting': {
      const { stepId, iteration, path, reason, until, error, details, at } = event;
      return {
        ...waits,
        open: [...without(waits.open, event), { stepId, iteration, path, reason, until, error, details, at }],
      };
    }
    case 'run.resumed': {
      const wait = waits.open.find((one) => placeOf(one) === placeOf(event));
      if (!wait) return waits;
      const { stepId, iteration, path, by, input, at } = event;
      const end = { stepId, iteration, path, by, input, at, reason: wait.reason };
      return { open: without(waits.open, event), ended: [...waits.ended, end] };
    }
    case 'step.succeeded':
    case 'step.failed':
      return over(waits, without(waits.open, event));
    case 'step.skipped':
      return event.iteration === undefined ? waits : over(waits, without(waits.open, event));
    case 'run.ended':
      return event.path?.length ? waits : over(waits, []);
    default:
      return waits;
  }
}

const without = (open: OpenWait[], place: Place) => open.filter((one) => placeOf(one) !== placeOf(place));

const over = (waits: Waits, open: OpenWait[]): Waits =>
  open.length === waits.open.length ? waits : { ...waits, open };
