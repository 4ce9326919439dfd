import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Call } from '../stepType.ts';
import { cutRecords } from './cutRecords.ts';
import { decoded, needed } from './source.ts';

/** What is read at first for a batch; records that are longer take more. */
const FIRST_BYTES = 128 * 1024;
/** Nothing larger is held at once, and a batch that would be larger is a smaller one. */
const MOST_BYTES = 4 * 1024 * 1024;
const WIDE = 'utf-16le';

/** Where a source stands: in the file of one of its items, behind some records. `more` is the step type's own. */
export type Place = {
  item: number;
  offset: number;
  /** Lines before it, in that file. */
  line: number;
  /** Of the file, as it was when its first piece was read: another one is another file. */
  size?: number;
  changedMs?: number;
  more?: Json;
};

/** Whole records of a file as text. */
export type Piece = {
  path: string;
  text: string;
  /** The item whose file it is. */
  item: number;
  /** The first of its file. */
  isFirst: boolean;
  /** The number of its first line, from 1. */
  line: number;
  /** A record that does not end within what may be held at once. */
  isCut: boolean;
  /** Behind it; undefined: there is no more. */
  next: Place | undefined;
};

type Source = Pick<Call, 'files' | 'evaluate' | 'written'> & {
  inputs: Record<string, Item[]>;
  config: { path: string; batch: number; encoding: string };
};

/**
 * The next records of a source's files, at most a batch of them: of the first item's file, then of the next one's. `heads`:
 * records at the beginning of a file that are none of a batch.
 *
 * @throws SluiceError file.not_found, file.changed, data.invalid (not text of that encoding), config.invalid
 */
export async function nextPiece(
  call: Source,
  cursor: Json | undefined,
  { isCsv, heads }: { isCsv: boolean; heads: number },
): Promise<Piece> {
  const { batch, encoding } = call.config;
  const at = placeOf(cursor);
  const path = pathAt(call, at.item);
  const wide = encoding === WIDE;
  const most = batch + (at.offset === 0 ? heads : 0);
  for (let length = FIRST_BYTES; ; length *= 4) {
    const { bytes, size, changedMs } = await call.files.part(path, at.offset, Math.min(length, MOST_BYTES));
    if (at.size !== undefined && (at.size !== size || at.changedMs !== changedMs)) throw changed(path);
    const last = at.offset + bytes.length >= size;
    const { end, records, lines } = cutRecords(bytes, { most, last, isCsv, wide });
    const isFull = length >= MOST_BYTES;
    if (records < most && !last && !isFull) continue;
    const isCut = records === 0 && !last;
    const taken = isCut ? bytes.length : end;
    const offset = at.offset + taken;
    const next: Place | undefined =
      offset < size
        ? { item: at.item, offset, line: at.line + lines, size, changedMs }
        : at.item + 1 < (call.inputs.main ?? []).length
          ? { item: at.item + 1, offset: 0, line: 0 }
          : undefined;
    // Of what is cut off a character may be too; it is only looked at to say what is wrong with it.
    const text = isCut
      ? new TextDecoder(encoding).decode(bytes)
      : decoded(bytes.subarray(0, taken), encoding, at.offset > 0);
    return { path, text, item: at.item, isFirst: at.offset === 0, line: at.line + 1, isCut, next };
  }
}

/** What the step type itself keeps beside the place. */
export function keptOf(cursor: Json | undefined): Json | undefined {
  return placeOf(cursor).more;
}

function placeOf(cursor: Json | undefined): Place {
  if (!isJsonObject(cursor)) return { item: 0, offset: 0, line: 0 };
  return cursor as unknown as Place;
}

/** The config is that of the first item; of another one the path is evaluated here. */
function pathAt({ config, written, evaluate, inputs }: Source, item: number): string {
  if (item === 0) return needed(config.path);
  const path = evaluate(written.path ?? null, inputs.main?.[item]?.json ?? ({} as JsonObject));
  if (typeof path === 'string') return needed(path);
  throw new SluiceError('config.invalid', `The path of item ${item} is no text.`, {
    advice: 'Look whether every item has the field that the path is made of.',
    details: { field: 'path', itemIndex: item },
  });
}

function changed(path: string): SluiceError {
  return new SluiceError('file.changed', `${path} was written to while it was read in batches.`, {
    advice: 'Write into another file, and read it once it is whole.',
    details: { path },
  });
}
