import type { Json } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';

/** A step run, wherever it is among sub-workflows. */
export type GuidedPlace = { path: readonly string[]; stepId: string; iteration: number };

/**
 * Leads a run along one that was recorded: what came from outside comes from there, when and in the order in which it came.
 * A run that is executed for the first time has none.
 */
export type Guide = {
  /** All that was recorded. It also says which numbers step runs had. */
  events: readonly RunEvent[];
  /** When a step run first began, milliseconds since 1970; undefined where the recording does not say. */
  startedAt(place: GuidedPlace): number | undefined;
  /**
   * What came of an effect, attempt after attempt, in its turn.
   *
   * @throws the error that was recorded; SluiceError run.not_deterministic where something else was asked for
   */
  effect(place: GuidedPlace, no: string, requestHash: string): Promise<Json>;
  /**
   * A batch that a source read from outside, in its turn: what its record keeps. Undefined: the source had no more.
   *
   * @throws the error that the source met
   */
  batch(place: GuidedPlace, no: string): Promise<Json | undefined>;
  /** Settles as an attempt does, once it is its turn; one that ran out of time then does so now. */
  inTurn<T>(place: GuidedPlace, attempt: Promise<T>): Promise<T>;
  /** A source has read a batch: until it reads on, nobody waits for its turn. */
  rest(place: GuidedPlace): void;
};
