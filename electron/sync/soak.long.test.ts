import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { tornParts } from '#shared/merge/structure.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { startProjectCloud } from '../../tests/fixtures/projectCloud.ts';
import { startSyncHost } from '../../tests/fixtures/syncDesktop.ts';
import { cloudKey } from '../account/cloudKey.ts';
import { memoryStore } from '../vault/secretStore.ts';

const ROUNDS = Number(process.env.SOAK_ROUNDS ?? 12);
const FIRST_SEED = Number(process.env.SOAK_SEED ?? 1);
const MOVES = 40;

/** Small and repeatable: mulberry32. */
function seeded(seed: number) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Cloud = Awaited<ReturnType<typeof startProjectCloud>>;

/** A desktop that can be switched off and on again. */
async function desktop(cloud: Cloud) {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-soak-'));
  const vault = memoryStore();
  await vault.set('account', cloudKey(cloud.url), uuid());
  const start = () => startSyncHost({ cloudUrl: cloud.url, dataDir, vault });
  const now = { ...start(), dir: '' };
  onTestFinished(() => now.host.close());
  return {
    now,
    dataDir,
    restart: async () => {
      await now.host.close();
      Object.assign(now, start());
    },
  };
}

test.each(
  Array.from({ length: ROUNDS }, (_, i) => FIRST_SEED + i),
)('two desktops under everything at once lose nothing (seed %i)', {
  timeout: 180_000,
}, async (seed) => {
  const random = seeded(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const cloud = await startProjectCloud();
  onTestFinished(cloud.stop);
  const [one, two] = [await desktop(cloud), await desktop(cloud)];
  const { id, dir } = await one.now.client.projects.create({ name: 'Soak', template: 'hello' });
  one.now.dir = dir;
  await one.now.client.projects.open({ projectId: id });
  await one.now.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  two.now.dir = join(two.dataDir, 'copy');
  cpSync(dir, two.now.dir, { recursive: true, filter: (path) => !path.includes('.sluice') });
  await two.now.client.projects.openFolder({ dir: two.now.dir });
  await two.now.client.projects.open({ projectId: id });
  await two.now.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  const head = () => cloud.projects.get(id);
  const [workflowId = ''] = Object.keys(head()?.tree.workflows ?? {});

  /** What nobody else touches, so that all of it must be there in the end. */
  const wanted = new Map<string, string>();
  let up = true;
  const clashes: Edit[] = [
    { type: 'removeStep', workflowId, stepId: 'greet_c4r7' },
    { type: 'renameStep', workflowId, stepId: 'greet_c4r7', name: `Seed ${seed}` },
  ];
  for (let n = 0; n < MOVES; n++) {
    const on = pick([one, two]);
    const { client } = on.now;
    const edit = (...edits: Edit[]) =>
      client.documents.edit({ projectId: id, edits }).catch((thrown: unknown) => {
        // A step that is gone cannot be renamed.
        if (!(thrown instanceof SluiceError) || thrown.code !== 'edit.invalid') throw thrown;
      });
    const move = pick(['canvas', 'canvas', 'canvas', 'file', 'clash', 'clash', 'step', 'off', 'cut', 'lose', 'wait']);
    if (move === 'canvas') {
      wanted.set(`c${n}`, `${n}`);
      await edit({ type: 'setVariable', environment: 'local', name: `c${n}`, value: `${n}` });
    } else if (move === 'file') {
      wanted.set(`f${n}`, `${n}`);
      const file = join(on.now.dir, 'environments/local.yaml');
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^vars:.*$/m, `$&\n  f${n}: "${n}"`));
    } else if (move === 'clash') {
      await edit(
        { type: 'setVariable', environment: 'local', name: 'word', value: `${n}` },
        ...(random() < 0.3 ? [pick(clashes)] : []),
      );
    } else if (move === 'step') {
      await edit({ type: 'addStep', workflowId, stepId: `s_${n}`, uses: 'items.set', name: `S${n}`, position: [n, n] });
      wanted.set(`s_${n}`, 'step');
    } else if (move === 'off') {
      await on.restart();
      await on.now.client.projects.open({ projectId: id });
    } else if (move === 'cut') {
      await (up ? cloud.stop() : cloud.start());
      up = !up;
    } else if (move === 'lose') cloud.mood.dropNextAnswer = true;
    else await sleep(random() * 400);
  }
  if (!up) await cloud.start();
  cloud.mood.dropNextAnswer = false;

  await vi.waitFor(
    async () => {
      const trees = await Promise.all(
        [one, two].map(async ({ now }) => (await now.client.projects.open({ projectId: id })).tree),
      );
      for (const tree of [...trees, head()?.tree]) {
        for (const [name, value] of wanted) {
          if (value === 'step') expect(tree?.workflows[workflowId]?.steps).toHaveProperty(name);
          else expect(tree?.environments.local?.vars).toHaveProperty(name, value);
        }
      }
      expect(trees.map((tree) => merkleHash(tree))).toEqual([head()?.hash, head()?.hash]);
    },
    { timeout: 60_000, interval: 100 },
  );
  const tree = head()?.tree;
  expect(tree && tornParts(tree)).toEqual([]);
  for (const { now } of [one, two]) {
    await now.client.projects.close({ projectId: id });
    const text = readFileSync(join(now.dir, 'environments/local.yaml'), 'utf8');
    for (const [name, value] of wanted) if (value !== 'step') expect(text).toContain(`${name}: `);
    const open = await now.client.conflicts.list({ projectId: id });
    expect(open.map((entry) => entry.id).sort()).toEqual(
      (head()?.conflicts ?? [])
        .filter(({ status }) => status === 'open')
        .map((entry) => entry.id)
        .sort(),
    );
  }
});
