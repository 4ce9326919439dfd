import type { z } from 'zod';
import { type ErrorCode, SluiceError } from './error.ts';
import { issueWords } from './issueWords.ts';

/**
 * Checks data that comes from outside, once, where it enters. Unknown fields are refused and named.
 *
 * @param what the thing being read, for the message: "The commit", "sluice.yaml"
 * @param code the error's code; `request.invalid` where nothing fits better
 */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
  code: ErrorCode = 'request.invalid',
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 20).map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: issueWords(issue),
  }));
  const first = issues[0];
  const place = first?.path ? ` at ${first.path}` : '';
  throw new SluiceError(code, `${what} is not as expected${place}: ${first?.message ?? 'no reason given'}.`, {
    details: { issues },
  });
}
