import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { type Json, jsonDepth } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { mimeOf } from '../../engine/mimeOf.ts';
import { MOST_NESTED } from '../../engine/payload.ts';
import { eachItem, fileOf } from '../data/eachItem.ts';
import { AnyJson, FieldName, FileKey, kindOf, PassedOn } from '../fields.ts';
import { type Call, defineStepType } from '../stepType.ts';
import { manyItems } from './manyItems.ts';
import { decoded, Encoding, StoragePath } from './source.ts';

const common = { version: 1, category: 'files', mode: 'each' } as const;
/** Text and JSON go with the item, so they are smaller than files may be. */
const MOST_TEXT = 10 * 1024 * 1024;
const Path = StoragePath.meta({
  title: 'File in the storage',
  help: 'Relative to the project’s own folder of files; each environment has one.',
  placeholder: 'reports/today.csv',
  order: 1,
});

const ReadConfig = z.strictObject({
  path: Path,
  as: z
    .enum(['file', 'text', 'json'])
    .default('file')
    .meta({
      title: 'Give it as',
      labels: { file: 'A file of the item', text: 'Text', json: 'JSON' },
      expression: false,
      order: 2,
    }),
  field: FieldName.optional().meta({
    title: 'Put it into',
    help: 'A field of the item, or the name of its file. Left empty: file, text or data.',
    expression: false,
    order: 3,
  }),
  encoding: Encoding.default('utf-8').meta({
    title: 'Encoding',
    expression: false,
    showWhen: { as: ['text', 'json'] },
    order: 4,
  }),
});

export const read = defineStepType({
  ...common,
  type: 'file.read',
  title: 'Read a file',
  description: 'Reads a file of the project’s storage into the item: as a file, as text or as JSON.',
  icon: 'file-input',
  effect: 'idempotent',
  config: ReadConfig,
  output: PassedOn,
  runAll: (call) => eachItem(call, (item, config) => readInto(item, config, call)),
});

async function readInto(
  item: Item,
  { path, as, field, encoding }: z.infer<typeof ReadConfig>,
  { files }: Call,
): Promise<Item> {
  const ref = await files.load(path);
  if (as === 'file') return { ...item, binary: { ...item.binary, [field ?? 'file']: ref } };
  if (ref.bytes > MOST_TEXT) {
    throw new SluiceError('limit.exceeded', `${path} has ${ref.bytes} bytes; as text ${MOST_TEXT} are allowed.`, {
      advice: 'Read it as a file.',
      details: { limit: MOST_TEXT, bytes: ref.bytes, path },
    });
  }
  const text = decoded(await files.read(ref), encoding);
  const value = as === 'text' ? text : parsed(text, path);
  return { ...item, json: { ...item.json, [field ?? (as === 'text' ? 'text' : 'data')]: value } };
}

function parsed(text: string, path: string): Json {
  const refuse = (why: string) =>
    new SluiceError('data.invalid', `${path} holds no JSON: ${why}.`, {
      advice: 'Read it as text, and look at what it holds.',
      details: { path },
    });
  if (jsonDepth(text, MOST_NESTED) > MOST_NESTED) throw refuse(`it nests more than ${MOST_NESTED} levels deep`);
  try {
    return JSON.parse(text) as Json;
  } catch (thrown) {
    throw refuse((thrown as Error).message);
  }
}

const WriteConfig = z.strictObject({
  path: Path,
  from: z
    .enum(['file', 'text', 'json'])
    .default('file')
    .meta({
      title: 'Write',
      labels: { file: 'A file of the item', text: 'A text', json: 'JSON' },
      expression: false,
      order: 2,
    }),
  file: FileKey.default('file').meta({
    title: 'File of the item',
    expression: false,
    showWhen: { from: 'file' },
    order: 3,
  }),
  text: z
    .string()
    .optional()
    .meta({ title: 'Text', showWhen: { from: 'text' }, order: 4 }),
  value: AnyJson.optional().meta({
    title: 'Value',
    help: 'Left empty: the item itself. Added to a file, it is one line.',
    widget: 'json',
    showWhen: { from: 'json' },
    order: 5,
  }),
  how: z
    .enum(['replace', 'append', 'create'])
    .default('replace')
    .meta({
      title: 'If the file is there',
      labels: { replace: 'Replace it as a whole', append: 'Add to its end', create: 'Fail' },
      expression: false,
      order: 6,
    }),
});

export const write = defineStepType({
  ...common,
  type: 'file.write',
  title: 'Write a file',
  description: 'Writes a file of the item, a text or JSON into the project’s storage, once, whatever is interrupted.',
  icon: 'file-output',
  effect: 'keyed',
  config: WriteConfig,
  output: z.looseObject({ written: z.object({ path: z.string(), bytes: z.int() }) }),
  runAll: (call) =>
    eachItem(call, async (item, config) => {
      const ref = config.from === 'file' ? fileOf(item, config.file) : await call.files.keep(...madeOf(item, config));
      const written = await call.files.save(config.path, ref, config.how);
      return { ...item, json: { ...item.json, written } };
    }),
});

function madeOf(item: Item, { from, text, value, how, path }: z.infer<typeof WriteConfig>) {
  const about = { mime: mimeOf(path) };
  if (from === 'text') {
    if (text === undefined) {
      throw new SluiceError('data.invalid', `There is no text to write to ${path}: it is ${kindOf(text)}.`, {
        advice: 'Say in the step which text is meant, for example {{ $json.text }}.',
        details: { field: 'text', path },
      });
    }
    return [new TextEncoder().encode(text), about] as const;
  }
  const given = value === undefined ? item.json : value;
  return [new TextEncoder().encode(`${JSON.stringify(given, null, how === 'append' ? 0 : 2)}\n`), about] as const;
}

export const list = defineStepType({
  ...common,
  type: 'file.list',
  title: 'List files',
  description: 'Gives the files of a folder in the project’s storage, each as an item.',
  icon: 'folder-open',
  effect: 'idempotent',
  config: z.strictObject({
    folder: z.string().max(500).default('').meta({
      title: 'Folder',
      help: 'With the folders below it. Left empty: everything.',
      placeholder: 'reports',
      order: 1,
    }),
    ending: z.string().max(50).optional().meta({ title: 'Only names that end in', placeholder: '.csv', order: 2 }),
  }),
  output: z.object({ path: z.string(), name: z.string(), bytes: z.int(), changedAt: z.string() }),
  runAll: (call) =>
    manyItems(call, async (_item, { folder, ending = '' }) =>
      (await call.files.list(folder))
        .filter(({ path }) => path.toLowerCase().endsWith(ending.toLowerCase()))
        .map((file) => ({ ...file, name: file.path.slice(file.path.lastIndexOf('/') + 1) })),
    ),
});

export const remove = defineStepType({
  ...common,
  type: 'file.delete',
  title: 'Delete a file',
  description: 'Deletes a file of the project’s storage; removed says whether there was one.',
  icon: 'file-x',
  effect: 'keyed',
  config: z.strictObject({ path: Path }),
  output: z.looseObject({ removed: z.boolean() }),
  async run({ item, config: { path }, files }) {
    const { removed } = await files.remove(path);
    return { ...item.json, removed };
  },
});
