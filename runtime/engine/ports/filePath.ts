import { SluiceError } from '#shared/error.ts';

const MOST_CHARACTERS = 500;
const MOST_PARTS = 12;
/** Names that mean a device on Windows, whatever their ending. */
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;

/**
 * A path inside the project's storage as it is kept: relative, `/` between the parts, in NFC. No part begins with a dot,
 * so nothing leads out and nothing is hidden; what some system could not hold is refused on every system.
 *
 * @throws SluiceError config.invalid
 */
export function filePath(text: string): string {
  const path = text.normalize('NFC');
  if (path.length > MOST_CHARACTERS) throw invalid(path, `it has more than ${MOST_CHARACTERS} characters`);
  const parts = path.split('/');
  if (parts.length > MOST_PARTS) throw invalid(path, `it has more than ${MOST_PARTS} parts`);
  for (const part of parts) {
    if (part === '') throw invalid(path, 'a part of it is empty');
    if (part.startsWith('.')) throw invalid(path, `'${clip(part)}' begins with a dot`);
    if (/[. ]$/.test(part) || part.startsWith(' '))
      throw invalid(path, 'a part begins or ends with a space, or ends with a dot');
    if (/[\\:*?"<>|\p{Cc}\p{Cf}\p{Cs}]/u.test(part))
      throw invalid(path, 'it holds one of \\ : * ? " < > | or a control character');
    if (new TextEncoder().encode(part).length > 200) throw invalid(path, 'a part of it is longer than 200 bytes');
    if (DEVICE.test(part)) throw invalid(path, `'${clip(part)}' is the name of a device`);
  }
  return path;
}

/** A folder inside the storage; empty text is the storage itself. @throws SluiceError config.invalid */
export function folderPath(text: string): string {
  const path = text.replace(/\/$/, '');
  return path === '' ? '' : filePath(path);
}

function invalid(path: string, why: string): SluiceError {
  return new SluiceError('config.invalid', `'${clip(path)}' cannot be a file of the project's storage: ${why}.`, {
    advice: 'Write a path such as reports/today.csv, without .. and without a / at the beginning.',
    details: { path: clip(path) },
  });
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
