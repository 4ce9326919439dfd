import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isProjectPath, readProjectFolder, sweepTemporary, writeProjectFile } from './projectFolder.ts';

function project(files: Record<string, string | Uint8Array> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-folder-'));
  for (const [path, content] of Object.entries({ 'sluice.yaml': 'name: x\n', ...files })) {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  return dir;
}

test('only the files of a project are read', async () => {
  const dir = project({
    'workflows/a.yaml': 'a',
    'workflows/.a.yaml.swp': 'b',
    'workflows/README.md': 'c',
    'scripts/lib/x.ts': 'd',
    'scripts/.hidden/x.ts': 'e',
    'tests/pins/a.step_1.json': '[]',
    'node_modules/x/sluice.yaml': 'f',
    'scripts/node_modules/x/index.js': 'f',
    'scripts/lib/node_modules/x/index.js': 'f',
    '.git/config': 'g',
  });
  const { files, refused } = await readProjectFolder(dir);
  expect(Object.keys(files).sort()).toEqual([
    'scripts/lib/x.ts',
    'sluice.yaml',
    'tests/pins/a.step_1.json',
    'workflows/a.yaml',
  ]);
  expect(refused).toEqual([]);
});

test('a folder without sluice.yaml is no project', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-folder-'));
  await expect(readProjectFolder(dir)).rejects.toMatchObject({ code: 'project.not_found' });
});

test.skipIf(process.platform === 'win32')(
  'links, pipes, bytes that are no text and long files are refused by name (not on Windows)',
  async () => {
    const outside = project({ 'workflows/secret.yaml': 'secret' });
    const dir = project({
      'workflows/bytes.yaml': new Uint8Array([0xff, 0xfe, 0x00]),
      'workflows/long.yaml': 'x'.repeat(1_048_577),
    });
    symlinkSync(join(outside, 'workflows/secret.yaml'), join(dir, 'workflows/link.yaml'));
    symlinkSync(join(outside, 'workflows'), join(dir, 'machines'));
    execFileSync('mkfifo', [join(dir, 'workflows/pipe.yaml')]);
    const { files, refused } = await readProjectFolder(dir);
    expect(Object.keys(files)).toEqual(['sluice.yaml']);
    expect(refused.map(({ file }) => file).sort()).toEqual([
      'machines',
      'workflows/bytes.yaml',
      'workflows/link.yaml',
      'workflows/long.yaml',
      'workflows/pipe.yaml',
    ]);
  },
);

test.skipIf(process.platform === 'win32')(
  'nothing is written through a link out of the project (not on Windows)',
  async () => {
    const outside = mkdtempSync(join(tmpdir(), 'sluice-outside-'));
    const dir = project();
    symlinkSync(outside, join(dir, 'workflows'));
    await expect(writeProjectFile(dir, 'workflows/a.yaml', 'x')).rejects.toMatchObject({ code: 'project.invalid' });
    expect(readdirSync(outside)).toEqual([]);
  },
);

test.each([
  '../a.yaml',
  'workflows/../../a.yaml',
  'scripts/../x.ts',
  'workflows/A.yaml',
  '.sluice/state.db',
  'package.json',
  '/etc/x',
])('%s is no path of a project and is not written', async (path) => {
  expect(isProjectPath(path)).toBe(false);
  await expect(writeProjectFile(project(), path, 'x')).rejects.toMatchObject({ code: 'project.invalid' });
});

test('three generations of a file are kept', async () => {
  const dir = project({ 'workflows/a.yaml': 'v0' });
  let now = Date.now();
  for (let n = 1; n <= 5; n++) {
    now += 3_600_000;
    await writeProjectFile(dir, 'workflows/a.yaml', `v${n}`, { now: () => now });
  }
  const kept = (n: number) => readFileSync(join(dir, `.sluice/kept/workflows/a.yaml.${n}`), 'utf8');
  expect([kept(1), kept(2), kept(3)]).toEqual(['v4', 'v3', 'v2']);
  expect(existsSync(join(dir, '.sluice/kept/workflows/a.yaml.4'))).toBe(false);
});

test('writes in quick succession do not push older generations out', async () => {
  const dir = project({ 'workflows/a.yaml': 'before' });
  for (let n = 0; n < 10; n++) await writeProjectFile(dir, 'workflows/a.yaml', `typing ${n}`);
  expect(readFileSync(join(dir, '.sluice/kept/workflows/a.yaml.1'), 'utf8')).toBe('before');
  expect(existsSync(join(dir, '.sluice/kept/workflows/a.yaml.2'))).toBe(false);
});

test('a removed file is kept as a generation', async () => {
  const dir = project({ 'workflows/a.yaml': 'precious' });
  await writeProjectFile(dir, 'workflows/a.yaml', undefined);
  expect(existsSync(join(dir, 'workflows/a.yaml'))).toBe(false);
  expect(readFileSync(join(dir, '.sluice/kept/workflows/a.yaml.1'), 'utf8')).toBe('precious');
});

test('what a crash left of a save is swept away, and nothing else', async () => {
  const dir = project({
    'workflows/.a.yaml.0011.sluice-tmp': 'half',
    'workflows/.note': 'mine',
    'workflows/a.yaml': 'x',
  });
  await sweepTemporary(dir);
  expect(readdirSync(join(dir, 'workflows')).sort()).toEqual(['.note', 'a.yaml']);
});

test('a file that somebody wrote in the last moment is not written over, and not removed', async () => {
  const dir = project({ 'workflows/a.yaml': 'before' });
  const path = 'workflows/a.yaml';
  const read = () => readFileSync(join(dir, path), 'utf8');
  const expected = { text: 'before' };
  await writeProjectFile(dir, path, 'ours', { expected });
  expect(read()).toBe('ours');
  const saving = writeProjectFile(dir, path, 'newer', { expected: { text: 'ours' } });
  writeFileSync(join(dir, path), 'theirs');
  await expect(saving).rejects.toMatchObject({ code: 'file.changed', details: { file: path } });
  await expect(writeProjectFile(dir, path, undefined, { expected })).rejects.toMatchObject({ code: 'file.changed' });
  await expect(writeProjectFile(dir, path, 'new', { expected: { text: undefined } })).rejects.toMatchObject({
    code: 'file.changed',
  });
  expect([read(), readdirSync(join(dir, 'workflows'))]).toEqual(['theirs', ['a.yaml']]);
  await writeProjectFile(dir, 'workflows/b.yaml', 'new', { expected: { text: undefined } });
  expect(readFileSync(join(dir, 'workflows/b.yaml'), 'utf8')).toBe('new');
});
