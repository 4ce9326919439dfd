import { DateTime } from 'luxon';
import { SluiceError } from '../error.ts';
import type { JsonObject } from '../json.ts';
import { positionAt } from './problems.ts';
import type { Scope } from './scope.ts';

/** What one evaluation may cost: steps, functions inside functions, and characters in one text it makes. */
export type Budget = { steps: number; depth: number; text: number };

/** The limits of every expression (formats.md 7). */
export const DEFAULT_BUDGET: Budget = Object.freeze({ steps: 1_000_000, depth: 64, text: 1_048_576 });

/** One evaluation under way. `fuel` and `depth` run down and up; `at` is the offset of the call being made. */
export type Evaluation = {
  readonly scope: Scope;
  readonly source: string;
  readonly budget: Budget;
  fuel: number;
  depth: number;
  at: number;
  now: DateTime | undefined;
};

export function startEvaluation(scope: Scope, source: string, budget: Budget): Evaluation {
  return { scope, source, budget, fuel: budget.steps, depth: 0, at: 0, now: undefined };
}

/** Takes `steps` (fractions allowed) from the fuel. */
export function charge(evaluation: Evaluation, steps: number): void {
  evaluation.fuel -= steps;
  if (evaluation.fuel < 0) throw exceeded(evaluation, 'steps');
}

/** Checks and charges a text of `length` characters before it is made. */
export function chargeText(evaluation: Evaluation, length: number): void {
  if (length > evaluation.budget.text) throw exceeded(evaluation, 'text');
  charge(evaluation, length / 64);
}

/** Checks and charges a text that has just been made from one of about its size. */
export function made(evaluation: Evaluation, text: string): string {
  chargeText(evaluation, text.length);
  return text;
}

const LIMITS = {
  steps: [
    'The expression took more than {} steps.',
    'Look at fewer items at once, or do this work in a code step, which has its own limits.',
  ],
  depth: ['The expression goes more than {} levels deep.', 'Flatten it, or do this work in a code step.'],
  text: ['The expression made a text longer than {} characters.', 'Build long texts in a code step or write a file.'],
} as const;

/** The error of a spent budget. */
export function exceeded(evaluation: Evaluation, limit: keyof Budget): SluiceError {
  const allowed = evaluation.budget[limit];
  const [message, advice] = LIMITS[limit];
  return new SluiceError('expression.limit_exceeded', message.replace('{}', allowed.toLocaleString('en-US')), {
    details: { limit, allowed },
    advice,
  });
}

/** An evaluation that cannot go on, at the call or member under way. Thrown by whoever asks for it. */
export function failure(evaluation: Evaluation, message: string, advice?: string, facts: JsonObject = {}): SluiceError {
  return new SluiceError('expression.failed', message, {
    details: { ...positionAt(evaluation.source, evaluation.at), ...facts },
    advice,
  });
}

/** `$now`: the same moment for the whole evaluation, in the workflow's time zone. */
export function currentTime(evaluation: Evaluation): DateTime {
  if (evaluation.now === undefined) {
    const { now, timezone } = evaluation.scope;
    const time = DateTime.fromMillis(now, { zone: timezone, locale: 'en-US' });
    if (!time.isValid)
      throw failure(evaluation, `The time zone "${timezone}" is not known.`, 'Set an IANA zone such as Europe/Berlin.');
    evaluation.now = time;
  }
  return evaluation.now;
}
