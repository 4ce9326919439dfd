import { RE2JS } from 're2js';
import { SluiceError } from '#shared/error.ts';

const MAX_PATTERN = 500;
const MAX_REPEAT = 1_000;

/**
 * A regular expression whose time grows with the text and no faster, whatever the pattern.
 *
 * @throws SluiceError config.invalid for a pattern that is too long or needs an engine that backtracks
 */
export function linearRegex(pattern: string): RE2JS {
  const repeats = [...pattern.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g)];
  const product = repeats.reduce((all, [, least, most]) => all * Math.max(Number(least), Number(most ?? 0), 1), 1);
  if (pattern.length > MAX_PATTERN || product > MAX_REPEAT) {
    throw refused(
      pattern,
      'is too large',
      `Use at most ${MAX_PATTERN} characters and repeat at most ${MAX_REPEAT} times.`,
    );
  }
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern));
  } catch (cause) {
    throw refused(
      pattern,
      'is not one that can be used here',
      'Look-around and back-references are not supported.',
      cause,
    );
  }
}

function refused(pattern: string, why: string, advice: string, cause?: unknown): SluiceError {
  return new SluiceError('config.invalid', `The regular expression '${pattern.slice(0, 100)}' ${why}.`, {
    advice,
    cause,
  });
}
