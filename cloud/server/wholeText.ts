import { SluiceError } from '#shared/error.ts';

/**
 * Refuses text that is cut within a character (half a surrogate pair): nothing can hash, store or show it, and each
 * would fail in its own way.
 *
 * @throws SluiceError request.invalid naming the field
 */
export function checkWholeText(value: unknown, path: readonly string[] = []): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw cutText(path);
  } else if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const entry: unknown = value[at];
      if (typeof entry === 'string' ? !entry.isWellFormed() : typeof entry === 'object' && entry !== null) {
        checkWholeText(entry, [...path, String(at)]);
      }
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, entry] of Object.entries(value)) {
      if (!name.isWellFormed()) throw cutText(path);
      if (typeof entry === 'string' ? !entry.isWellFormed() : typeof entry === 'object' && entry !== null) {
        checkWholeText(entry, [...path, name]);
      }
    }
  }
}

function cutText(path: readonly string[]): SluiceError {
  const place = path.length > 0 ? ` at ${path.join('.')}` : '';
  return new SluiceError('request.invalid', `The request holds a text that is cut within a character${place}.`, {
    advice: 'Send well-formed Unicode.',
    details: { issues: [{ path: path.join('.'), message: 'it is cut within a character' }] },
  });
}

/** SQLSTATE of a text that Postgres cannot hold: it has a character NUL. */
const NO_TEXT = new Set(['22021', '22P05']);

/** A text with a character NUL as whoever sent it is told of it. */
export function unstorable(): SluiceError {
  return new SluiceError('request.invalid', 'A text of the request holds the character NUL, which cannot be stored.', {
    advice: 'Take it out, and send the request again.',
  });
}

/** Whether the database refused a text because of its characters, through whichever library it was asked. */
export function isUnstorable(thrown: unknown, depth = 0): boolean {
  if (typeof thrown !== 'object' || thrown === null || depth > 4) return false;
  const { code, originalCode, cause, meta, driverAdapterError } = thrown as Record<string, unknown>;
  if ([code, originalCode].some((one) => typeof one === 'string' && NO_TEXT.has(one))) return true;
  return [cause, meta, driverAdapterError].some((inner) => isUnstorable(inner, depth + 1));
}
