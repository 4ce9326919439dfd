import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject, jsonDepth } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { MOST_NESTED } from '../../engine/payload.ts';
import { PassedOn } from '../fields.ts';
import { defineStepType, type StepType } from '../stepType.ts';
import { nextPiece, type Piece } from './pieces.ts';
import { Encoding, StoragePath } from './source.ts';

const MOST_LINE = 1024 * 1024;

/** What every source that reads a file of the storage in batches is like. */
export const batchSource = {
  version: 1,
  category: 'files' as const,
  effect: 'idempotent' as const,
  mode: 'once' as const,
  control: 'loop' as const,
  inputs: ['main', 'next'],
  outputs: ['loop', 'done'],
  timeoutMs: null,
} satisfies Partial<StepType>;

export const batchFields = {
  path: StoragePath.meta({
    title: 'File in the storage',
    help: 'Of any size. It must not change while it is read.',
    placeholder: 'imports/orders.csv',
    order: 1,
  }),
  batch: z.int().min(1).max(10_000).default(1_000).meta({
    title: 'At a time',
    help: 'The next batch starts when this one has ended; of long lines a batch takes fewer.',
    order: 2,
  }),
};

const Config = z.strictObject({
  ...batchFields,
  as: z
    .enum(['text', 'json'])
    .default('text')
    .meta({
      title: 'Each line is',
      labels: { text: 'Text', json: 'JSON, an object each' },
      expression: false,
      order: 3,
    }),
  skipEmpty: z
    .boolean()
    .default(false)
    .meta({
      title: 'Leave empty lines out',
      expression: false,
      showWhen: { as: 'text' },
      order: 4,
    }),
  encoding: Encoding.default('utf-8').meta({ title: 'Encoding', expression: false, order: 5 }),
});

/** A source: the engine hands out its batches as a loop does. */
export const lines = defineStepType({
  ...batchSource,
  type: 'file.lines',
  title: 'Read lines in batches',
  description:
    'Gives each line of a text file in the storage as an item, batch after batch, so that a file of any size takes no more room than one batch; what comes back to next leaves by done at the end.',
  icon: 'list-ordered',
  config: Config,
  output: PassedOn,
  async nextBatch(call, cursor) {
    const { as, skipEmpty } = call.config;
    const piece = await nextPiece(call, cursor, { isCsv: false, heads: 0 });
    if (piece.isCut) throw tooLong(piece, piece.line);
    const texts = linesOf(piece.text);
    const items: Item[] = [];
    for (const [index, text] of texts.entries()) {
      const line = piece.line + index;
      if (text.length > MOST_LINE) throw tooLong(piece, line);
      if (text === '' && (skipEmpty || as === 'json')) continue;
      items.push({ json: as === 'json' ? objectOf(text, piece, line) : { line, text }, from: piece.item });
    }
    return { items, ...(piece.next ? { cursor: piece.next as unknown as Json } : {}) };
  },
});

/** Without the ends of the lines; a file that ends with one has no empty line behind it. */
function linesOf(text: string): string[] {
  if (text === '') return [];
  const found = text.split('\n');
  if (found.at(-1) === '') found.pop();
  return found.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

function objectOf(text: string, { path }: Piece, line: number): JsonObject {
  const refuse = (why: string) =>
    new SluiceError('data.invalid', `Line ${line} of ${path} ${why}.`, {
      advice: 'Look at that line, or read the lines as text.',
      details: { path, line },
    });
  if (jsonDepth(text, MOST_NESTED) > MOST_NESTED) throw refuse(`nests more than ${MOST_NESTED} levels deep`);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (thrown) {
    throw refuse(`is no JSON: ${(thrown as Error).message}`);
  }
  if (isJsonObject(value)) return value;
  throw refuse('is JSON, but no object');
}

function tooLong({ path }: Piece, line: number): SluiceError {
  return new SluiceError('limit.exceeded', `Line ${line} of ${path} is longer than ${MOST_LINE} characters.`, {
    advice: 'Look whether it is a text file, and whether its lines end as lines do.',
    details: { limit: MOST_LINE, line, path },
  });
}
