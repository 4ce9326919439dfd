import { z } from 'zod';

/** A record's id: UUID, version 7 where we make it, version 8 where it is derived (formats.md 1). */
export const Uuid = z.uuid();
/** 64 lower-case hex digits of SHA-256. */
export const Hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits of SHA-256');
export type Hash = z.infer<typeof Hash>;
/** The id of a step: readable, fixed for ever, unique in its workflow. */
export const StepId = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must begin with a letter and hold only a-z, 0-9 and _ (at most 64)');
/** The name of a connection, environment, file or test. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must hold only a-z, 0-9 and - (at most 63), beginning with a letter or digit');
/** The name of an environment variable: a JavaScript identifier. */
export const VarName = z.string().regex(/^[A-Za-z_$][A-Za-z0-9_$]{0,63}$/, 'must be a JavaScript identifier');
export const PortName = z.string().regex(/^[a-z][a-zA-Z0-9_]{0,31}$/, 'must begin with a letter');
/** A file below `scripts/`, without that prefix. No `..`, no leading dot in any part, nothing of an installed package. */
export const ScriptPath = z
  .string()
  .max(200)
  .regex(
    /^(?!(?:.*\/)?node_modules\/)(?:[A-Za-z0-9_][A-Za-z0-9._-]*\/)*[A-Za-z0-9_][A-Za-z0-9._-]*\.(?:ts|js|py)$/,
    'must end in .ts, .js or .py',
  );
/** RFC 3339 in UTC. */
export const Time = z.iso.datetime();

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A new step id: the slug of a title, `_`, and four characters.
 *
 * @param random returns a number in [0, 1)
 */
export function newStepId(title: string, random: () => number): string {
  const slug = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 40);
  let tail = '';
  for (let i = 0; i < 4; i++) tail += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return `${slug || 'step'}_${tail}`;
}

/** The slug of a name, for files: `Issue triage!` becomes `issue-triage`. */
export function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return slug || 'untitled';
}
