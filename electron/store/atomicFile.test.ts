import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type SaveFs, writeFileAtomic } from './atomicFile.ts';

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'sluice-atomic-'));
}

/** The real file system, noting each call, with a failure where the test wants one. */
function recording(fail: Partial<Record<'write' | 'sync' | 'rename', (nth: number) => string | undefined>> = {}) {
  const calls: string[] = [];
  const counts = { write: 0, sync: 0, rename: 0 };
  const step = (name: keyof typeof counts, what: string) => {
    calls.push(`${name} ${what}`);
    const code = fail[name]?.(++counts[name]);
    if (code) throw Object.assign(new Error(code), { code });
  };
  const nameOf = (path: unknown) => (String(path).endsWith('.sluice-tmp') ? 'temporary' : basename(String(path)));
  const fs: SaveFs = {
    ...nodeFs,
    open: (async (path: string, flags: string, mode?: number) => {
      const file = await nodeFs.open(path, flags, mode);
      const isFolder = (await file.stat()).isDirectory();
      return {
        writeFile: async (content: string) => {
          await file.write(content.slice(0, 3));
          step('write', nameOf(path));
          await file.writeFile(content.slice(3));
        },
        sync: async () => {
          step('sync', isFolder ? 'folder' : nameOf(path));
          await file.sync();
        },
        close: () => file.close(),
      };
    }) as unknown as SaveFs['open'],
    rename: async (from, to) => {
      step('rename', nameOf(to));
      await nodeFs.rename(from, to);
    },
  };
  return { fs, calls };
}

test('a save writes beside the file, syncs, renames and syncs the folder, in this order', async () => {
  const dir = folder();
  const { fs, calls } = recording();
  await writeFileAtomic(join(dir, 'a.yaml'), 'hello', fs);
  expect(calls).toEqual(['write temporary', 'sync temporary', 'rename a.yaml', 'sync folder']);
  expect(readFileSync(join(dir, 'a.yaml'), 'utf8')).toBe('hello');
  expect(readdirSync(dir)).toEqual(['a.yaml']);
});

test.each([
  ['write', 'ENOSPC', 'the disk is full'],
  ['sync', 'EIO', 'the system answered EIO'],
  ['rename', 'EACCES', 'you may not write there'],
] as const)('a failure in %s (%s) leaves the original and nothing else', async (call, code, why) => {
  const dir = folder();
  writeFileSync(join(dir, 'a.yaml'), 'the original');
  const { fs } = recording({ [call]: () => code });
  const failure = await writeFileAtomic(join(dir, 'a.yaml'), 'the replacement', fs).catch((thrown: unknown) => thrown);
  expect(failure).toMatchObject({ code: 'disk.failed', message: expect.stringContaining(why), details: { code } });
  expect(readFileSync(join(dir, 'a.yaml'), 'utf8')).toBe('the original');
  expect(readdirSync(dir)).toEqual(['a.yaml']);
});

test('a rename that is refused for a moment is tried again', async () => {
  const dir = folder();
  const { fs, calls } = recording({ rename: (nth) => (nth < 3 ? 'EPERM' : undefined) });
  await writeFileAtomic(join(dir, 'a.yaml'), 'hello', fs);
  expect(calls.filter((call) => call.startsWith('rename'))).toHaveLength(3);
  expect(readFileSync(join(dir, 'a.yaml'), 'utf8')).toBe('hello');
});

test.skipIf(process.platform === 'win32')('the permissions of a file stay as they were (not on Windows)', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'a.ts'), 'x');
  chmodSync(join(dir, 'a.ts'), 0o600);
  await writeFileAtomic(join(dir, 'a.ts'), 'y');
  expect(statSync(join(dir, 'a.ts')).mode & 0o777).toBe(0o600);
});

test('a process killed while it saves leaves one whole content', async () => {
  const dir = folder();
  const target = join(dir, 'a.yaml');
  const size = 300_000;
  writeFileSync(target, 'a'.repeat(size));
  const script = `
    import { writeFileAtomic } from ${JSON.stringify(join(import.meta.dirname, 'atomicFile.ts'))};
    console.log('go');
    for (let n = 0; ; n++) await writeFileAtomic(${JSON.stringify(target)}, 'abcdefgh'[n % 8].repeat(${size}));`;
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await sleep(5 + round * 7);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const text = readFileSync(target, 'utf8');
    expect(text).toHaveLength(size);
    expect(new Set(text).size).toBe(1);
  }
});
