import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import type { Edit } from '#shared/workflow/edit.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { scratchDir } from '../../tests/fixtures/scratch.ts';
import { cloudServer, desktop, until } from '../../tests/fixtures/syncDesktop.ts';

const FILE = 'workflows/main.yaml';
const ids = Array.from({ length: 40 }, (_, i) => `s${i}`);

/** Forty steps with comments, as people write them. */
const textOf = (workflowId: string) => `# Forty steps
id: ${workflowId}
name: Main
steps:
  start: { uses: trigger.manual } # by hand
${ids.map((id) => `  ${id}: { uses: items.set, config: { fields: { n: 0 } } } # ${id}\n`).join('')}edges:
${ids.map((id, i) => `  - ${i === 0 ? 'start' : ids[i - 1]} -> ${id}\n`).join('')}`;

test('two clones of one repository, edited on two computers and then synced, keep all edits or record them', async () => {
  const root = scratchDir('sluice-clones-');
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  const git = (dir: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', ...args], {
      cwd: dir,
      env,
      stdio: 'pipe',
    });
  const [projectId, workflowId] = [uuid(), uuid()];
  const first = join(root, 'first');
  mkdirSync(join(first, 'workflows'), { recursive: true });
  writeFileSync(join(first, 'sluice.yaml'), `id: ${projectId}\nname: Party\nformat: 1\n`);
  writeFileSync(join(first, '.gitignore'), '.sluice/\n');
  writeFileSync(join(first, FILE), textOf(workflowId));
  git(first, 'init', '-q', '-b', 'main');
  git(first, 'add', '-A');
  git(first, 'commit', '-q', '-m', 'Begin');
  const folders = ['ada', 'bo'].map((name) => join(root, name));
  for (const dir of folders) git(root, 'clone', '-q', first, dir);

  const cloud = await cloudServer();
  const [ada, bo] = [await desktop(cloud), await desktop(cloud)];
  const set = (stepId: string, n: number): Edit => ({
    type: 'setConfig',
    workflowId,
    stepId,
    path: ['fields', 'n'],
    value: n,
  });
  for (const [i, on] of [ada, bo].entries()) {
    await on.client.projects.openFolder({ dir: folders[i] as string });
    await on.client.projects.open({ projectId });
    await on.edit(projectId, ...ids.filter((_, at) => at % 2 === i).map((id) => set(id, i + 1)));
  }
  // In one place they meet.
  await ada.edit(projectId, { type: 'renameStep', workflowId, stepId: 's7', name: 'Hers' });
  await bo.edit(projectId, { type: 'renameStep', workflowId, stepId: 's7', name: 'His' });
  for (const { client } of [ada, bo]) await client.sync.bind({ projectId, workspaceId: cloud.workspaceId });

  const head = () => cloud.projects.get(projectId);
  await until(async () => {
    await ada.client.sync.now({ projectId });
    const hashes = await Promise.all([ada, bo].map(async (on) => merkleHash(await on.tree(projectId))));
    expect(hashes).toEqual([head()?.hash, head()?.hash]);
  });
  const steps = head()?.tree.workflows[workflowId]?.steps ?? {};
  const numbers = ids.map((id) => (steps[id]?.config.fields as { n: number }).n);
  // Without a common past nobody knows which of two numbers is the newer one: each is in the tree or in a record.
  const records = head()?.conflicts ?? [];
  for (const [at, id] of ids.entries()) {
    const wanted = (at % 2) + 1;
    const told = records.filter(({ path }) => path.includes(id) && path.at(-1) === 'n');
    const answers = [numbers[at], ...told.flatMap(({ theirs, ours }) => [theirs, ours])];
    expect(answers, id).toContain(wanted);
  }
  const names = records.filter(({ path }) => path.at(-1) === 'name').map(({ theirs, ours }) => [theirs, ours].sort());
  expect(names).toEqual([['Hers', 'His']]);
  await until(() => {
    for (const dir of folders) expect(readFileSync(join(dir, FILE), 'utf8')).toContain('# by hand');
  });
  console.info(`two clones: ${ids.length + 2} edits, ${records.length} recorded, the others in the tree`);
});
