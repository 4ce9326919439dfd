import { SluiceError } from '#shared/error.ts';
import { unzip } from '../data/unzip.ts';

export type SheetLimits = { rows: number; columns: number; cells: number };

/** Of an unpacked spreadsheet. Its XML is mostly repetition, so it packs well: ratios of a hundred are real. */
const UNPACKED = { entries: 1_000, bytes: 50 * 1024 * 1024, ratio: 200 };

/**
 * A spreadsheet file in which nothing is packed any more, so that a parser of it meets no more than is there: unpacked
 * under limits, without pictures and macros, and looked at for sheets that claim more cells than are taken.
 *
 * @throws SluiceError data.invalid, limit.exceeded
 */
export async function sheetArchive(bytes: Uint8Array, limits: SheetLimits): Promise<ArrayBuffer> {
  const files = await unzip(bytes, UNPACKED);
  const needed = files.filter(({ name }) => /\.(xml|rels)$/i.test(name));
  if (!needed.some(({ name }) => name === 'xl/workbook.xml')) {
    throw new SluiceError('data.invalid', 'The file is no Excel file (.xlsx).', {
      advice: 'Save it as .xlsx in a spreadsheet program; the older .xls and other formats are not read.',
    });
  }
  for (const { name, bytes: content } of needed) {
    if (/^xl\/worksheets\//.test(name)) checkPlaces(name, content, limits);
  }
  const { zipSync } = await import('fflate');
  const entries = Object.fromEntries(needed.map(({ name, bytes: content }) => [name, content]));
  const stored = zipSync(entries, { level: 0 });
  return stored.buffer.slice(stored.byteOffset, stored.byteOffset + stored.byteLength) as ArrayBuffer;
}

/**
 * Two cells far apart make a parser fill in all between them: what the sheet spans counts, not what it holds. A place
 * that is written in any unusual way is refused, since a parser may read it as something else.
 */
function checkPlaces(name: string, content: Uint8Array, { rows, columns, cells }: SheetLimits): void {
  const text = new TextDecoder().decode(content);
  const last = { row: 0, column: 0 };
  const next = { row: 0, column: 0 };
  for (const { 1: tag, 0: start, index } of text.matchAll(/<(?:[\w.-]+:)?(row|c)(?=[\s/>])/g)) {
    ATTRIBUTES.lastIndex = index + start.length;
    const attributes = ATTRIBUTES.exec(text)?.[1];
    if (attributes === undefined) throw unreadable(name, index);
    const place = /\sr\s*=\s*["']([^"']*)["']/.exec(attributes)?.[1];
    const [, letters, digits] = /^([A-Za-z]{0,3})(\d{1,7})$/.exec(place ?? '') ?? [];
    if (place !== undefined && (digits === undefined || (tag === 'row') !== (letters === '')))
      throw unreadable(name, index);
    if (tag === 'row') {
      next.row = digits === undefined ? next.row + 1 : Number(digits);
      next.column = 0;
    } else {
      next.column = letters ? columnNumber(letters) : next.column + 1;
      if (digits !== undefined) next.row = Number(digits);
    }
    last.row = Math.max(last.row, next.row);
    last.column = Math.max(last.column, next.column);
  }
  if (last.row > rows) throw tooFar(name, last, 'rows', rows);
  if (last.column > columns) throw tooFar(name, last, 'columns', columns);
  if (last.row * last.column > cells) throw tooFar(name, last, 'cells', cells);
}

const ATTRIBUTES = /((?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*\/?>/y;

function columnNumber(letters: string): number {
  let column = 0;
  for (const letter of letters.toUpperCase()) column = column * 26 + letter.charCodeAt(0) - 64;
  return column;
}

function tooFar(
  name: string,
  { row, column }: { row: number; column: number },
  what: string,
  limit: number,
): SluiceError {
  return new SluiceError(
    'limit.exceeded',
    `The sheet ${name.slice(14, 80)} reaches to row ${row} and column ${column}: more than ${limit} ${what}.`,
    { advice: 'Delete what stands far away from the rest, or split the sheet.', details: { limit, what } },
  );
}

function unreadable(name: string, at: number): SluiceError {
  return new SluiceError('data.invalid', `The sheet ${name.slice(14, 80)} is damaged at character ${at}.`, {
    advice: 'Open it in a spreadsheet program and save it again as .xlsx.',
    details: { at },
  });
}
