import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openProjectFiles } from '#runtime/engine/ports/files.ts';
import { runTree, sketchTree } from '../../../tests/fixtures/engine.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { list, read, remove, write } from './files.ts';

test('what is written is read again: text, JSON and files of items', async () => {
  const { run, files } = createWorld();
  const file = await files.keep(new Uint8Array([1, 2]), { mime: 'image/png', name: 'a.png' });
  expect(jsonOf((await run(write, { path: 'a/t.txt', from: 'text', text: 'Grüße' }, itemsOf({ n: 1 }))).main)).toEqual([
    { n: 1, written: { path: 'a/t.txt', bytes: 7 } },
  ]);
  await run(write, { path: 'a/i.json', from: 'json' }, itemsOf({ n: 1 }));
  await run(write, { path: 'b.png' }, [{ json: {}, binary: { file } }]);
  const given = async (config: object) => (await run(read, config as never, itemsOf({ k: 1 }))).main?.[0];
  expect(await given({ path: 'a/t.txt', as: 'text' })).toMatchObject({ json: { k: 1, text: 'Grüße' } });
  expect(await given({ path: 'a/i.json', as: 'json', field: 'was' })).toMatchObject({ json: { k: 1, was: { n: 1 } } });
  expect(await given({ path: 'b.png', field: 'picture' })).toMatchObject({
    json: { k: 1 },
    binary: { picture: { bytes: 2 } },
  });
  expect(jsonOf((await run(list, { folder: 'a', ending: '.JSON' }, itemsOf({}))).main)).toMatchObject([
    { path: 'a/i.json', name: 'i.json' },
  ]);
  expect(jsonOf((await run(remove, { path: 'b.png' }, itemsOf({ k: 1 }))).main)).toEqual([{ k: 1, removed: true }]);
});

test('lines of JSON are added one after the other', async () => {
  const { run } = createWorld();
  await run(write, { path: 'l.jsonl', from: 'json', how: 'append' }, itemsOf({ n: 1 }, { n: 2 }));
  expect(jsonOf((await run(read, { path: 'l.jsonl', as: 'text' }, itemsOf({}))).main)).toEqual([
    { text: '{"n":1}\n{"n":2}\n' },
  ]);
});

test('what is missing or no text or JSON leaves by error and says what', async () => {
  const { run, files } = createWorld();
  await files.save('bad.txt', await files.keep(new Uint8Array([0xff, 0xfe, 0xff]), { mime: 'x' }), 'replace');
  await files.save(
    'deep.json',
    await files.keep(Buffer.from(`${'['.repeat(200)}${']'.repeat(200)}`), { mime: 'x' }),
    'replace',
  );
  const code = async (type: typeof read | typeof write, config: object) =>
    ((await run(type as never, config as never, itemsOf({}))).error?.[0]?.json.error as { code: string } | undefined)
      ?.code;
  expect(await code(read, { path: 'none.txt' })).toBe('file.not_found');
  expect(await code(read, { path: 'bad.txt', as: 'text' })).toBe('data.invalid');
  expect(await code(read, { path: 'deep.json', as: 'json' })).toBe('data.invalid');
  expect(await code(read, { path: 'bad.txt', as: 'json', encoding: 'windows-1252' })).toBe('data.invalid');
  expect(await code(write, { path: 'x', from: 'text' })).toBe('data.invalid');
  expect(await code(write, { path: 'x' })).toBe('data.invalid');
});

const dir = mkdtempSync(join(tmpdir(), 'files-steps-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a run that is done again appends nothing twice', async () => {
  const files = openProjectFiles(dir);
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      log: {
        uses: 'file.write',
        config: { path: 'log.txt', from: 'text', text: 'line {{ $json.n }}\n', how: 'append' },
      },
    },
    edges: ['start -> log'],
  });
  const first = await runTree(tree, { items: [{ n: 1 }, { n: 2 }], files });
  expect(first.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'succeeded' });
  // The same run from its beginning, as after a crash that lost the end of the journal but not the disk.
  const cut = first.events.slice(
    0,
    first.events.findIndex((event) => event.type === 'effect.recorded'),
  );
  const second = await runTree(tree, { items: [{ n: 1 }, { n: 2 }], files, events: cut });
  expect(second.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'succeeded' });
  expect(new TextDecoder().decode(await files.load('log.txt'))).toBe('line 1\nline 2\n');
  files.close();
});
