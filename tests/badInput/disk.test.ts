import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Client } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { startSignedOutHost } from '../../electron/host/signedOutHost.fixture.ts';
import { folder, terminal } from './sluice.ts';

/** The host as the desktop has it. */
function openHost(dataDir = join(folder(), 'desktop')): Client<HostApi> {
  const { host, client } = startSignedOutHost(dataDir, { program: 'The desktop' });
  onTestFinished(() => host.close());
  return client;
}

const BODY = 'steps:\n  start_5h2k: { name: Start, uses: trigger.manual }\n';

/** Whether this user may mount: root, and not in a container that forbids it. */
function mayMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A disk of one megabyte. */
function smallDisk(): string {
  const dir = folder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', dir]));
  return dir;
}

/** Leaves no byte free. */
function fill(disk: string): void {
  for (let bytes = 1 << 20; bytes >= 1; bytes >>= 1) {
    for (let n = 0; ; n++) {
      try {
        writeFileSync(join(disk, `filler-${bytes}-${n}`), Buffer.alloc(bytes, 1));
      } catch {
        rmSync(join(disk, `filler-${bytes}-${n}`), { force: true });
        break;
      }
      if (n > 2_000) throw new Error('The disk does not fill.');
    }
  }
}

test.skipIf(!mayMount())(
  'a disk that is full while saving: the file is intact, it is said, and the change is written once there is room (needs root)',
  async () => {
    const { sluice } = terminal();
    const disk = smallDisk();
    const dir = join(disk, 'project');
    expect(await sluice(['new', dir, '--template', 'hello'])).toMatchObject({ code: 0 });
    const client = openHost();
    const { id: projectId } = await client.projects.openFolder({ dir });
    await client.projects.open({ projectId });
    const rename = (name: string) => client.documents.edit({ projectId, edits: [{ type: 'renameProject', name }] });
    const manifest = () => readFileSync(join(dir, 'sluice.yaml'), 'utf8');
    await rename('There is room');
    await expect.poll(manifest).toContain('There is room');

    fill(disk);
    const before = manifest();
    await expect(rename('x'.repeat(60))).rejects.toMatchObject({
      code: 'disk.failed',
      message: expect.stringMatching(/could not be written: the disk is full\. What was there is intact\.$/),
      advice: expect.stringContaining('Free some space'),
    });
    expect(manifest()).toBe(before);
    expect(readdirSync(dir).filter((name) => name.endsWith('.sluice-tmp'))).toEqual([]);
    expect(await sluice(['validate', dir])).toMatchObject({ code: 0 });

    const made = await sluice(['new', join(disk, 'second')]);
    expect(made).toMatchObject({ code: 1, out: '' });
    expect(made.err).toMatch(
      /could not be written: the disk is full\. What was there is intact\.\nFree some space, then run the command again\.\n$/,
    );

    for (const name of readdirSync(disk)) if (name.startsWith('filler')) rmSync(join(disk, name));
    await rename('There is room again');
    await expect.poll(manifest, { timeout: 60_000 }).toContain('There is room again');
  },
);

test('a data folder that cannot be used is named, and the same command works with one that can', async () => {
  const { project, sluice } = terminal();
  const { dir } = await project(BODY);
  const file = join(folder(), 'a-file');
  writeFileSync(file, 'not a folder');
  const refused = await Promise.all([
    sluice(['run', dir, 'main'], { SLUICE_DATA: file }),
    sluice(['serve', dir, '--port', '0'], { SLUICE_DATA: file }),
    sluice(['cloud', '--port', '0'], { SLUICE_DATA: file }),
    sluice(['new', file]),
  ]);
  for (const answer of refused) {
    expect(answer).toMatchObject({ code: 1, out: '' });
    expect(answer.err).toContain(file);
    expect(answer.err.trimEnd().split('\n')).toHaveLength(2);
  }
  expect(readFileSync(file, 'utf8')).toBe('not a folder');
  expect(await sluice(['run', dir, 'main'])).toMatchObject({ code: 0 });
});

test('the command line is told that the desktop has a project open, and gets it once it is closed', async () => {
  const { project, sluice } = terminal();
  const { dir } = await project(BODY);
  const desktop = openHost();
  const { id: projectId } = await desktop.projects.openFolder({ dir });
  await desktop.projects.open({ projectId });
  const other = openHost();
  await expect(
    other.projects.openFolder({ dir }).then(({ id }) => other.projects.open({ projectId: id })),
  ).rejects.toMatchObject({
    code: 'project.locked',
    message: expect.stringMatching(/^The desktop \(process \d+ on .+\) has had this project open since /),
    advice: expect.stringContaining('close it there'),
  });
  await desktop.documents.edit({ projectId, edits: [{ type: 'renameProject', name: 'The first goes on' }] });
  await expect.poll(() => readFileSync(join(dir, 'sluice.yaml'), 'utf8')).toContain('The first goes on');
  // Running only reads, so it works beside the desktop.
  expect(await sluice(['run', dir, 'main'])).toMatchObject({ code: 0 });
  await desktop.projects.close({ projectId });
  const opened = await other.projects.openFolder({ dir });
  expect(await other.projects.open({ projectId: opened.id })).toMatchObject({ problems: [] });
});
