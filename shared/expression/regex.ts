import { type Matcher, type MatcherInputBase, RE2JS } from 're2js';
import { charge, type Evaluation, failure } from './evaluation.ts';
import { translatePattern } from './regexSource.ts';

/** A regular expression, run by an engine that never backtracks. `matcher` counts every character it reads as fuel. */
export class Regex {
  readonly source: string;
  readonly flags: string;
  readonly global: boolean;
  readonly groupNames: readonly string[];
  readonly #engine: RE2JS;

  constructor(source: string, flags: string, engine: RE2JS) {
    this.source = source;
    this.flags = flags;
    this.global = flags.includes('g');
    this.#engine = engine;
    this.groupNames = Object.keys(engine.namedGroups());
  }

  get groupCount(): number {
    return this.#engine.groupCount();
  }

  matcher(evaluation: Evaluation, text: string): Matcher {
    const weight = (8 + this.#engine.programSize()) / 256;
    const metered = new MeteredText(evaluation, text, weight);
    return this.#engine.matcher(metered as unknown as MatcherInputBase);
  }

  toString(): string {
    return `/${this.source}/${this.flags}`;
  }
}

/**
 * A text that charges for each character the engine looks at. The engine is linear for one match, but many matches over
 * one text may each read to its end; counting the reads is what bounds them all together.
 */
class MeteredText {
  readonly #evaluation: Evaluation;
  readonly #text: string;
  readonly #weight: number;
  readonly length: number;

  constructor(evaluation: Evaluation, text: string, weight: number) {
    this.#evaluation = evaluation;
    this.#text = text;
    this.#weight = weight;
    this.length = text.length;
  }

  get [Symbol.toStringTag](): string {
    return 'String'; // how the engine tells a text from bytes
  }

  charCodeAt(index: number): number {
    this.#evaluation.fuel -= this.#weight;
    if (this.#evaluation.fuel < 0) charge(this.#evaluation, 0);
    return this.#text.charCodeAt(index);
  }

  indexOf(searched: string, from: number): number {
    const found = this.#text.indexOf(searched, from);
    charge(this.#evaluation, 1 + ((found < 0 ? this.length : found) - from) / 256);
    return found;
  }

  substring(start: number, end: number): string {
    return this.#text.substring(start, end);
  }

  toString(): string {
    return this.#text;
  }
}

const MAX_PATTERN = 2_000;
const MAX_PROGRAM = 20_000;
// A counted repeat is written out when the pattern is compiled.
const MAX_REPEATED = 200_000;

function repeats(source: string): number {
  let sum = 0;
  for (const [, least, most] of source.matchAll(/\{(\d{1,6})(?:,(\d{0,6}))?\}/g))
    sum += Math.max(Number(least), Number(most ?? 0));
  return sum;
}

/** Builds a regular expression. Errors: `expression.failed` for what the linear-time engine does not do. */
export function makeRegex(evaluation: Evaluation, source: string, flags: string): Regex {
  charge(evaluation, 50 + source.length * 4);
  const unknown = /[^gimsu]/.exec(flags)?.[0];
  if (unknown !== undefined)
    throw failure(evaluation, `The regular expression flag "${unknown}" is not supported.`, 'Use g, i, m, s or u.');
  if (source.length > MAX_PATTERN || source.length * repeats(source) > MAX_REPEATED) throw tooLarge(evaluation);
  const translated = translatePattern(source);
  if (typeof translated !== 'string') throw unsupported(evaluation, translated.unsupported);
  let bits = 0;
  if (flags.includes('i')) bits |= RE2JS.CASE_INSENSITIVE;
  if (flags.includes('m')) bits |= RE2JS.MULTILINE;
  if (flags.includes('s')) bits |= RE2JS.DOTALL;
  let engine: RE2JS;
  try {
    engine = RE2JS.compile(RE2JS.translateRegExp(translated), bits);
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown instanceof RangeError) throw thrown;
    throw unsupported(evaluation, `something the engine refuses (${thrown.message})`);
  }
  if (engine.programSize() > MAX_PROGRAM) throw tooLarge(evaluation);
  charge(evaluation, engine.programSize());
  return new Regex(source, flags, engine);
}

function unsupported(evaluation: Evaluation, what: string): Error {
  return failure(
    evaluation,
    `The regular expression uses ${what}, which is not supported in an expression.`,
    'Write it without, or use a code step.',
  );
}

function tooLarge(evaluation: Evaluation): Error {
  return failure(evaluation, 'The regular expression is too large.', 'Make it smaller, or use a code step.');
}
