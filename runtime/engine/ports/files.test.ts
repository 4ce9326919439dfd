import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openProjectFiles, type ProjectFiles, type ProjectFilesOptions } from './files.ts';

let dir: string;
let open: ProjectFiles[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(() => {
  for (const files of open) files.close();
  open = [];
  rmSync(dir, { recursive: true, force: true });
});

function openFiles(options?: ProjectFilesOptions): ProjectFiles {
  const files = openProjectFiles(dir, options);
  open.push(files);
  return files;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = async (files: ProjectFiles, path: string) => new TextDecoder().decode(await files.load(path));

test('what is saved is read, listed and removed', async () => {
  const files = openFiles();
  expect(await files.save('a/b.txt', bytes('one'), { how: 'replace', effectKey: 'k1' })).toEqual({
    path: 'a/b.txt',
    bytes: 3,
  });
  await files.save('a/c.txt', bytes('two!'), { how: 'create', effectKey: 'k2' });
  expect(await textOf(files, 'a/b.txt')).toBe('one');
  expect((await files.list('a')).map(({ path, bytes: size }) => [path, size])).toEqual([
    ['a/b.txt', 3],
    ['a/c.txt', 4],
  ]);
  expect((await files.list('')).length).toBe(2);
  expect(await files.list('nowhere')).toEqual([]);
  expect(await files.remove('a/b.txt', { effectKey: 'k3' })).toEqual({ removed: true });
  expect(await files.remove('a/b.txt', { effectKey: 'k4' })).toEqual({ removed: false });
  await expect(files.load('a/b.txt')).rejects.toMatchObject({ code: 'file.not_found', details: { path: 'a/b.txt' } });
});

test('the same key does nothing twice and gives the first answer, also after a restart', async () => {
  const first = openFiles();
  await first.save('log.txt', bytes('a'), { how: 'append', effectKey: 'k1' });
  await first.save('log.txt', bytes('b'), { how: 'append', effectKey: 'k2' });
  expect(await first.save('log.txt', bytes('a'), { how: 'append', effectKey: 'k1' })).toEqual({
    path: 'log.txt',
    bytes: 1,
  });
  first.close();
  const second = openFiles();
  await second.save('log.txt', bytes('b'), { how: 'append', effectKey: 'k2' });
  expect(await textOf(second, 'log.txt')).toBe('ab');
  await second.remove('log.txt', { effectKey: 'k3' });
  await second.save('log.txt', bytes('new'), { how: 'create', effectKey: 'k4' });
  expect(await second.remove('log.txt', { effectKey: 'k3' })).toEqual({ removed: true });
  expect(await textOf(second, 'log.txt')).toBe('new');
});

test('create refuses a file that is there, and the refusal is no effect', async () => {
  const files = openFiles();
  await files.save('a.txt', bytes('1'), { how: 'create', effectKey: 'k1' });
  await expect(files.save('a.txt', bytes('2'), { how: 'create', effectKey: 'k2' })).rejects.toMatchObject({
    code: 'file.exists',
  });
  await files.remove('a.txt', { effectKey: 'k3' });
  await files.save('a.txt', bytes('2'), { how: 'create', effectKey: 'k2' });
  expect(await textOf(files, 'a.txt')).toBe('2');
});

test('an append that was cut off half-way is finished, not repeated', async () => {
  const before = openFiles();
  await before.save('log.txt', bytes('one\n'), { how: 'append', effectKey: 'k1' });
  await before.save('log.txt', bytes('two\n'), { how: 'append', effectKey: 'k2' });
  before.close();
  // As a process leaves it that was killed after it wrote the append down and half of it into the file.
  const db = new DatabaseSync(join(dir, 'files.db'));
  const { key } = db.prepare("SELECT key FROM writes WHERE result LIKE '%:8%'").get() as { key: string };
  db.prepare("UPDATE writes SET kind = 'append', path = 'log.txt', start = 4 WHERE key = ?").run(key);
  db.close();
  writeFileSync(join(dir, 'files.pending', key), 'two\n');
  writeFileSync(join(dir, 'files/log.txt'), 'one\ntw');
  const after = openFiles();
  expect(await textOf(after, 'log.txt')).toBe('one\ntwo\n');
  await after.save('log.txt', bytes('two\n'), { how: 'append', effectKey: 'k2' });
  expect(await textOf(after, 'log.txt')).toBe('one\ntwo\n');
  expect(readdirSync(join(dir, 'files.pending'))).toEqual([]);
});

test('a process killed at any moment while it appends leaves each line once or not at all', async () => {
  const script = join(dir, 'append.mjs');
  writeFileSync(
    script,
    `import { openProjectFiles } from ${JSON.stringify(join(import.meta.dirname, 'files.ts'))};
     const files = openProjectFiles(process.argv[2]);
     for (let n = Number(process.argv[3]); ; n++) {
       await files.save('log.txt', new TextEncoder().encode('line ' + n + '\\n'), { how: 'append', effectKey: 'k' + n });
       console.log(n);
     }`,
  );
  let next = 0;
  for (const ms of [3, 70, 160, 31]) {
    const child = spawn(process.execPath, [script, dir, String(next)], { stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    child.stdout.on('data', (data) => {
      said += String(data);
    });
    const lines = () => said.trim().split('\n').filter(Boolean).map(Number);
    // However long it takes to start, it is killed in the middle of its work.
    await expect.poll(() => lines().length, { interval: 5 }).toBeGreaterThan(3);
    await sleep(ms);
    child.kill('SIGKILL');
    await once(child, 'close');
    // The last one that was said is asked for again, as a resumed run does.
    next = lines().at(-1) ?? next;
  }
  const files = openFiles();
  await files.save('log.txt', bytes(`line ${next}\n`), { how: 'append', effectKey: `k${next}` });
  const lines = (await textOf(files, 'log.txt')).trim().split('\n');
  expect(lines.length).toBeGreaterThan(5);
  expect(lines).toEqual(lines.map((_, index) => `line ${index}`));
});

test('what was left of a write that was never written down is cleared away', async () => {
  openFiles().close();
  writeFileSync(join(dir, 'files.pending', 'a'.repeat(64)), 'left over');
  const files = openFiles();
  expect(readdirSync(join(dir, 'files.pending'))).toEqual([]);
  expect(await files.list('')).toEqual([]);
});

test('two processes that append at once lose nothing of each other', async () => {
  const [one, two] = [openFiles(), openFiles()];
  for (let n = 0; n < 20; n++)
    await (n % 2 ? one : two).save('l.txt', bytes('x'), { how: 'append', effectKey: `k${n}` });
  expect(await textOf(one, 'l.txt')).toBe('x'.repeat(20));
});

test.each([
  '../x',
  'a/../../x',
  '/etc/passwd',
  'a//b',
  '',
  '.',
  '.hidden',
  'a/.git/config',
  'C:\\x',
  'a\\..\\x',
  'a\0b',
  'a\nb',
  'nul',
  'COM1.txt',
  'a.',
  'a ',
  'x'.repeat(201),
  `${'a/'.repeat(12)}b`,
  '\u202Etxt.exe',
  'a:stream',
  '~/x/..',
])('the path %j is refused, and nothing is written', async (path) => {
  const files = openFiles();
  await expect(files.save(path, bytes('x'), { how: 'replace', effectKey: 'k' })).rejects.toMatchObject({
    code: 'config.invalid',
  });
  await expect(files.load(path)).rejects.toMatchObject({ code: 'config.invalid' });
  await expect(files.remove(path, { effectKey: 'k2' })).rejects.toMatchObject({ code: 'config.invalid' });
  expect(await files.list('')).toEqual([]);
});

test('names of other languages are one file in either way of writing them', async () => {
  const files = openFiles();
  await files.save('größe/naïve 表.txt'.normalize('NFD'), bytes('x'), { how: 'replace', effectKey: 'k' });
  expect(await textOf(files, 'größe/naïve 表.txt')).toBe('x');
});

test('links are not followed: neither files nor folders', async () => {
  const files = openFiles();
  const outside = join(dir, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret.txt'), 'secret');
  symlinkSync(outside, join(dir, 'files/folder'));
  symlinkSync(join(outside, 'secret.txt'), join(dir, 'files/file.txt'));
  for (const path of ['folder/secret.txt', 'file.txt']) {
    await expect(files.load(path)).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(files.save(path, bytes('x'), { how: 'replace', effectKey: path })).rejects.toMatchObject({
      code: 'config.invalid',
    });
  }
  expect(await files.list('')).toEqual([]);
  expect(await files.list('folder')).toEqual([]);
  expect(readFileSync(join(outside, 'secret.txt'), 'utf8')).toBe('secret');
});

test('the storage takes exactly what it may, and says so beyond', async () => {
  const files = openFiles({ maxBytes: 10 });
  await files.save('a', bytes('12345'), { how: 'replace', effectKey: 'k1' });
  await files.save('b', bytes('12345'), { how: 'replace', effectKey: 'k2' });
  await expect(files.save('c', bytes('1'), { how: 'replace', effectKey: 'k3' })).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { limit: 10 },
  });
  await expect(files.save('a', bytes('1'), { how: 'append', effectKey: 'k4' })).rejects.toMatchObject({
    code: 'limit.exceeded',
  });
  await files.save('a', bytes('abcde'), { how: 'replace', effectKey: 'k5' });
  await files.remove('b', { effectKey: 'k6' });
  await files.save('c', bytes('1'), { how: 'replace', effectKey: 'k3' });
  expect(files.room()).toBe(4);
  expect(existsSync(join(dir, 'files/b'))).toBe(false);
});

test('a piece of a file is read wherever it lies, with the size of the whole', async () => {
  const files = openFiles();
  await files.save('big.txt', bytes('0123456789'), { how: 'create', effectKey: 'a' });
  const part = async (offset: number, length: number) => {
    const found = await files.part('big.txt', { offset, length, stepId: 's' });
    expect(found.changedMs).toBeGreaterThan(0);
    return [Buffer.from(found.bytes).toString(), found.size];
  };
  expect(await part(0, 4)).toEqual(['0123', 10]);
  expect(await part(8, 4)).toEqual(['89', 10]);
  expect(await part(10, 4)).toEqual(['', 10]);
  expect(await part(99, 4)).toEqual(['', 10]);
  const missing = files.part('no.txt', { offset: 0, length: 1, stepId: 's' });
  await expect(missing).rejects.toMatchObject({ code: 'file.not_found' });
  await expect(files.part('../x', { offset: 0, length: 1, stepId: 's' })).rejects.toMatchObject({
    code: 'config.invalid',
  });
});
