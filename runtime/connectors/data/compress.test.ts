import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import type { Item } from '#shared/workflow/tree.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { compress } from './compress.ts';
import { unzip } from './unzip.ts';

const { run, files } = createWorld();
const fileItem = async (bytes: Uint8Array, name = 'a.txt'): Promise<Item> => ({
  json: { id: 1 },
  binary: { file: await files.keep(bytes, { mime: 'text/plain', name }) },
});
const bytesOf = async (item: Item | undefined, name = 'file') => {
  const file = item?.binary?.[name];
  return file && Buffer.from(await files.read(file)).toString();
};
const text = (value: string) => Buffer.from(value);
/** What went out by `error`, one item's. */
const failure = async (item: Item, config: Parameters<typeof itemsOf>[0]) =>
  jsonOf((await run(compress, config, [item])).error)[0]?.error as { code: string; message: string } | undefined;

test.each([
  ['gzip', 'gunzip'],
  ['deflate', 'inflate'],
])('a file packed with %s comes back whole', async (action, back) => {
  const packed = (await run(compress, { action }, [await fileItem(text('hello '.repeat(100)))])).main?.[0] as Item;
  expect(packed.binary?.file?.bytes).toBeLessThan(100);
  expect([packed.json, packed.from]).toEqual([{ id: 1 }, 0]);
  const unpacked = (await run(compress, { action: back }, [packed])).main?.[0];
  expect(await bytesOf(unpacked)).toBe('hello '.repeat(100));
  expect(unpacked?.binary?.file).toMatchObject({ name: 'a.txt', mime: 'text/plain' });
});

test('a text is packed to Base64 and back', async () => {
  const packed = (await run(compress, { action: 'gzip', from: 'text', text: 'grüße' }, itemsOf({ id: 1 }))).main;
  expect(jsonOf((await run(compress, { action: 'gunzip', from: 'text' }, packed as Item[])).main)).toEqual([
    { id: 1, text: 'grüße' },
  ]);
});

test('files of an item become an archive, twice the same, and come out again', async () => {
  const item: Item = { json: {}, binary: {} };
  for (const [key, name] of [
    ['a', 'x.txt'],
    ['b', 'x.txt'],
    ['c', '../up.txt'],
  ] as const)
    item.binary = { ...item.binary, [key]: await files.keep(text(key), { mime: 'text/plain', name }) };
  const [one, two] = [await run(compress, { action: 'zip' }, [item]), await run(compress, { action: 'zip' }, [item])];
  expect(one.main?.[0]?.binary?.file?.blob).toBe(two.main?.[0]?.binary?.file?.blob);
  expect(Object.keys(one.main?.[0]?.binary ?? {})).toEqual(['file']);
  const out = (await run(compress, { action: 'unzip' }, one.main as Item[])).main?.[0];
  expect(out?.json.files).toEqual([
    { file: 'file_0', path: 'x.txt', bytes: 1 },
    { file: 'file_1', path: 'x-2.txt', bytes: 1 },
    { file: 'file_2', path: '.._up.txt', bytes: 1 },
  ]);
  expect(await bytesOf(out, 'file_1')).toBe('b');
});

test('an item that fails leaves by error and the others go on', async () => {
  const items = [await fileItem(gzipSync('yes')), await fileItem(text('no gzip')), { json: {} }];
  const out = await run(compress, { action: 'gunzip' }, items);
  expect(await bytesOf(out.main?.[0])).toBe('yes');
  expect(out.error?.map(({ from, json }) => [from, (json.error as { code: string }).code])).toEqual([
    [1, 'data.invalid'],
    [2, 'data.invalid'],
  ]);
});

test('what unpacks to far more than it is stops at the limit; a megabyte always may', async () => {
  const bomb = await fileItem(gzipSync(Buffer.alloc(20_000_000)));
  expect(await failure(bomb, { action: 'gunzip' })).toMatchObject({ code: 'limit.exceeded' });
  const small = await fileItem(gzipSync(Buffer.alloc(1_048_576)));
  expect(await failure(small, { action: 'gunzip' })).toBeUndefined();
  const zipped = await fileItem(zipSync({ 'a.bin': new Uint8Array(20_000_000) }));
  expect(await failure(zipped, { action: 'unzip' })).toMatchObject({ code: 'limit.exceeded' });
});

const LIMITS = { entries: 3, bytes: 1_000, ratio: 200 };
const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, text('x')]));

test('an archive may have as many files and bytes as the limits say, and no more', async () => {
  expect(await unzip(zipSync(names(3)), LIMITS)).toHaveLength(3);
  await expect(unzip(zipSync(names(4)), LIMITS)).rejects.toMatchObject({ code: 'limit.exceeded' });
  const two = (size: number) => zipSync({ a: new Uint8Array(500), b: new Uint8Array(size) });
  expect(await unzip(two(500), LIMITS)).toHaveLength(2);
  await expect(unzip(two(501), LIMITS)).rejects.toMatchObject({ code: 'limit.exceeded' });
});

test.each(['../up', '/root', 'a/../b', 'a\\b', 'C:x', 'a//b', 'nul\0'])('a file named %j is refused', async (name) => {
  await expect(unzip(zipSync({ [name]: text('x') }), LIMITS)).rejects.toMatchObject({ code: 'data.invalid' });
});

test('names below folders are fine, folders themselves are left out', async () => {
  const files = await unzip(zipSync({ 'a/b.txt': text('x'), 'c/': new Uint8Array() }), LIMITS);
  expect(files.map(({ name }) => name)).toEqual(['a/b.txt']);
});

test('an archive that lies about a size, is changed or cut is damaged, never half read', async () => {
  const whole = zipSync({ 'a.txt': text('hello hello hello hello') });
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const central = Buffer.from(whole).indexOf('PK\x01\x02');
  const lies = whole.slice();
  view(lies).setUint32(central + 24, 5, true);
  await expect(unzip(lies, LIMITS)).rejects.toMatchObject({ code: 'data.invalid' });
  for (let at = 0; at < whole.length; at++) {
    const changed = whole.slice();
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    const given = await unzip(changed, LIMITS).catch((error: { code?: string }) => error);
    if (Array.isArray(given))
      expect(given.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['hello hello hello hello']);
    else expect(['data.invalid', 'limit.exceeded']).toContain(given.code);
    await expect(unzip(whole.slice(0, at), LIMITS)).rejects.toMatchObject({ code: 'data.invalid' });
  }
});
