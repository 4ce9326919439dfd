import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate } from 'node:zlib';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { mimeOf } from '../../engine/mimeOf.ts';
import { FieldName, FileKey, FileName, PassedOn } from '../fields.ts';
import { type Call, defineStepType, type FileRef } from '../stepType.ts';
import { eachItem, fileOf, textOf } from './eachItem.ts';
import { unzip, type ZipLimits } from './unzip.ts';

const LIMITS: ZipLimits = { entries: 1_000, bytes: 64 * 1024 * 1024, ratio: 200 };
const MOST_TEXT = 10_000_000;
const ACTIONS = ['gzip', 'gunzip', 'deflate', 'inflate', 'zip', 'unzip'] as const;

const Config = z.strictObject({
  action: z
    .enum(ACTIONS)
    .default('gzip')
    .meta({
      title: 'What to do',
      labels: {
        gzip: 'Pack with gzip',
        gunzip: 'Unpack gzip',
        deflate: 'Pack with deflate',
        inflate: 'Unpack deflate',
        zip: 'Make a ZIP archive',
        unzip: 'Unpack a ZIP archive',
      },
      expression: false,
      order: 1,
    }),
  from: z
    .enum(['file', 'text'])
    .default('file')
    .meta({
      title: 'Work on',
      help: 'A packed text is written in Base64.',
      expression: false,
      showWhen: { action: ['gzip', 'gunzip', 'deflate', 'inflate'] },
      order: 2,
    }),
  file: FileKey.default('file').meta({
    title: 'File of the item',
    help: 'Its name in the item. For a ZIP archive: the new archive, or the one to unpack.',
    expression: false,
    showWhen: { from: 'file' },
    order: 3,
  }),
  files: z
    .array(FileKey)
    .max(1_000)
    .default([])
    .meta({
      title: 'Files to pack',
      help: 'Their names in the item. Empty: all of them.',
      expression: false,
      showWhen: { action: 'zip' },
      order: 4,
    }),
  text: z
    .string()
    .max(MOST_TEXT)
    .optional()
    .meta({ title: 'Text', placeholder: '{{ $json.body }}', showWhen: { from: 'text' }, order: 5 }),
  as: FieldName.default('text').meta({
    title: 'Put the text into the field',
    expression: false,
    showWhen: { from: 'text' },
    order: 6,
  }),
  fileName: FileName.optional().meta({
    title: 'Name of the new file',
    placeholder: 'reports.zip',
    showWhen: { action: ['gzip', 'deflate', 'zip'] },
    order: 7,
  }),
});
type Config = z.infer<typeof Config>;

export const compress = defineStepType({
  version: 1,
  type: 'data.compress',
  title: 'Compress',
  description: 'Packs and unpacks files of the items, or texts: gzip, deflate and ZIP archives.',
  category: 'data',
  icon: 'file-archive',
  effect: 'pure',
  mode: 'each',
  config: Config,
  output: PassedOn,
  runAll: (call) => eachItem(call, (item, config) => packed(item, config, call)),
});

async function packed(item: Item, config: Config, call: Call): Promise<Item> {
  const { action } = config;
  if (action === 'zip') return zipped(item, config, call);
  if (action === 'unzip') return unzipped(item, config, call);
  return config.from === 'text' ? textPacked(item, action, config) : filePacked(item, action, config, call);
}

type Stream = Exclude<Config['action'], 'zip' | 'unzip'>;
const isPacking = (action: Stream) => action === 'gzip' || action === 'deflate';

async function textPacked(item: Item, action: Stream, { text, as }: Config): Promise<Item> {
  const source = textOf(text, item.json, as, MOST_TEXT);
  const given = await streamed(action, isPacking(action) ? Buffer.from(source) : fromBase64(source));
  return { ...item, json: { ...item.json, [as]: isPacking(action) ? given.toString('base64') : utf8(given) } };
}

function fromBase64(text: string): Uint8Array {
  if (/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) return Buffer.from(text, 'base64');
  throw new SluiceError('data.invalid', 'The packed text is not written in Base64.', {
    advice: 'Give it as the packing action writes it.',
    details: { field: 'text' },
  });
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SluiceError('data.invalid', 'What was unpacked is no text.', {
      advice: 'Work on a file in place of a text.',
    });
  }
}

async function filePacked(item: Item, action: Stream, { file, fileName }: Config, { files }: Call): Promise<Item> {
  const source = fileOf(item, file);
  const given = await streamed(action, await files.read(source));
  const ending = action === 'gzip' ? '.gz' : '.zz';
  const made = isPacking(action)
    ? {
        mime: action === 'gzip' ? 'application/gzip' : 'application/zlib',
        name: fileName ?? `${source.name ?? file}${ending}`,
      }
    : unpackedName(source.name ?? file);
  return { ...item, binary: { ...item.binary, [file]: await files.keep(given, made) } };
}

function unpackedName(packedName: string): { mime: string; name: string } {
  const name = packedName.replace(/\.(gz|zz)$/, '') || packedName;
  return { mime: mimeOf(name), name };
}

const STREAMS = {
  gzip: promisify<Uint8Array, object, Buffer>(gzip),
  deflate: promisify<Uint8Array, object, Buffer>(deflate),
  gunzip: promisify<Uint8Array, object, Buffer>(gunzip),
  inflate: promisify<Uint8Array, object, Buffer>(inflate),
};

async function streamed(action: Stream, bytes: Uint8Array): Promise<Buffer> {
  if (isPacking(action)) return STREAMS[action](bytes, {});
  const room = Math.min(LIMITS.bytes, Math.max(1_048_576, bytes.length * LIMITS.ratio));
  try {
    return await STREAMS[action](bytes, { maxOutputLength: room });
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new SluiceError(
        'limit.exceeded',
        `It unpacks to more than ${room} bytes, which is too much for its size.`,
        {
          advice: 'Unpack it elsewhere.',
          details: { limit: LIMITS.bytes, ratio: LIMITS.ratio },
        },
      );
    }
    throw new SluiceError(
      'data.invalid',
      `It cannot be unpacked: it was not packed with ${action === 'gunzip' ? 'gzip' : 'deflate'}, or is damaged.`,
      {
        advice: 'Look at where it comes from.',
      },
    );
  }
}

async function zipped(item: Item, config: Config, { files, clock }: Call): Promise<Item> {
  const names = config.files.length > 0 ? config.files : Object.keys(item.binary ?? {});
  if (names.length === 0) fileOf(item, config.file);
  const sources = names.map((name) => [name, fileOf(item, name)] as const);
  const bytes = sources.reduce((sum, [, file]) => sum + file.bytes, 0);
  if (bytes > LIMITS.bytes || names.length > LIMITS.entries) {
    throw new SluiceError('limit.exceeded', `${names.length} files of ${bytes} bytes are too much for one archive.`, {
      advice: `At most ${LIMITS.entries} files and ${LIMITS.bytes} bytes.`,
      details: { limit: LIMITS.bytes },
    });
  }
  const entries: Record<string, Uint8Array> = Object.create(null) as Record<string, Uint8Array>;
  for (const [name, file] of sources) entries[free(plainName(file.name ?? name), entries)] = await files.read(file);
  const { zipSync } = await import('fflate');
  // The time of the step, so that the same files give the same archive whenever it is made again.
  const archive = zipSync(entries, { level: 6, mtime: clockDate(clock.now()) });
  const kept = await files.keep(archive, { mime: 'application/zip', name: config.fileName ?? 'archive.zip' });
  const left = Object.entries(item.binary ?? {}).filter(([name]) => !names.includes(name));
  return { ...item, binary: { ...Object.fromEntries(left), [config.file]: kept } };
}

/** An archive keeps local times, without saying whose; ours are always those of UTC. */
function clockDate(ms: number): Date {
  const utc = new Date(ms);
  return new Date(
    utc.getUTCFullYear(),
    utc.getUTCMonth(),
    utc.getUTCDate(),
    utc.getUTCHours(),
    utc.getUTCMinutes(),
    utc.getUTCSeconds(),
  );
}

function plainName(name: string): string {
  return name.replace(/[/\\:\p{Cc}]/gu, '_').replace(/^\.{1,2}$/, '_') || '_';
}

function free(name: string, taken: Record<string, unknown>): string {
  for (let n = 2, tried = name; ; n++) {
    if (!(tried in taken)) return tried;
    tried = name.replace(/(\.[^.]*)?$/, `-${n}$1`);
  }
}

async function unzipped(item: Item, { file }: Config, { files }: Call): Promise<Item> {
  const found = await unzip(await files.read(fileOf(item, file)), LIMITS);
  const { [file]: _, ...others } = item.binary ?? {};
  const binary: Record<string, FileRef> = { ...others };
  const list: Json[] = [];
  for (const [index, { name, bytes }] of found.entries()) {
    const key = `file_${index}`;
    binary[key] = await files.keep(bytes, { mime: mimeOf(name), name: name.slice(name.lastIndexOf('/') + 1) });
    list.push({ file: key, path: name, bytes: bytes.length });
  }
  return { json: { ...item.json, files: list }, binary };
}
