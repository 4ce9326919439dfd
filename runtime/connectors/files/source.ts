import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { fileOf, textOf } from '../data/eachItem.ts';
import { FileKey } from '../fields.ts';
import type { FileRef, StepFiles } from '../stepType.ts';

/** A path inside the project's storage. What it may be is checked where it is used. */
export const StoragePath = z.string().min(1).max(500);

/** Where a step that reads a file finds it. */
export const sourceFields = {
  from: z
    .enum(['file', 'text', 'storage'])
    .default('file')
    .meta({
      title: 'Read from',
      labels: { file: 'A file of the item', text: 'A text', storage: 'The project’s storage' },
      expression: false,
      order: 1,
    }),
  file: FileKey.default('file').meta({
    title: 'File of the item',
    help: 'Its name in the item.',
    expression: false,
    showWhen: { from: 'file' },
    order: 2,
  }),
  text: z
    .string()
    .optional()
    .meta({ title: 'Text', placeholder: '{{ $json.body }}', showWhen: { from: 'text' }, order: 3 }),
  path: StoragePath.optional().meta({
    title: 'File in the storage',
    placeholder: 'reports/today.csv',
    showWhen: { from: 'storage' },
    order: 4,
  }),
};

export type Source = { from: 'file' | 'text' | 'storage'; file: string; text?: string; path?: string };

/** The bytes a step reads. @throws SluiceError data.invalid, config.invalid, file.not_found, limit.exceeded */
export async function readSource(
  item: Item,
  { from, file, text, path }: Source,
  files: StepFiles,
  mostBytes: number,
): Promise<Uint8Array> {
  if (from === 'text') return new TextEncoder().encode(textOf(text, item.json, 'text', mostBytes));
  const ref = from === 'file' ? fileOf(item, file) : await files.load(needed(path));
  checkSize(ref, mostBytes);
  return files.read(ref);
}

function checkSize({ bytes, name = 'The file' }: FileRef, limit: number): void {
  if (bytes <= limit) return;
  throw new SluiceError('limit.exceeded', `${name} has ${bytes} bytes; ${limit} are allowed.`, {
    advice: 'Split the file first.',
    details: { bytes, limit },
  });
}

/** @throws SluiceError config.invalid */
export function needed(path: string | undefined): string {
  if (path) return path;
  throw new SluiceError('config.invalid', 'The step names no file in the storage.', {
    advice: 'Fill in the path, such as reports/today.csv.',
    details: { field: 'path' },
  });
}

/** Bytes as text of an encoding, without its mark; `isRest`: from within a file, where no mark is. @throws SluiceError data.invalid */
export function decoded(bytes: Uint8Array, encoding: string, isRest = false): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: isRest }).decode(bytes);
  } catch {
    throw new SluiceError('data.invalid', `The file is not text in ${encoding}.`, {
      advice: 'Choose the encoding it is written in; older spreadsheets write windows-1252.',
      details: { encoding },
    });
  }
}

export const Encoding = z.enum([
  'utf-8',
  'utf-16le',
  'windows-1252',
  'iso-8859-2',
  'iso-8859-15',
  'shift_jis',
  'gb18030',
]);
