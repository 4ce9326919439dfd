import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { v7 as newId } from 'uuid';
import { mergeTrees } from '#shared/merge/mergeTrees.ts';
import { commitOf } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { largeTree, writeAtOnce } from '../../tests/cloud/histories/fourWriters.fixture.ts';
import type { QuickPerson } from '../../tests/fixtures/people.ts';
import { percentile } from '../measure.ts';
import { check } from '../parts/part.ts';
import { cpuMs } from '../processTree.ts';
import type { ControlPlane } from './controlPlane.ts';
import type { DeskTask, DeskTold } from './desk.ts';
import { type Editor, measureEditor } from './measureEditor.ts';
import type { Tenant } from './tenants.ts';
import { projectOf, withField } from './trees.ts';

/** Milliseconds of so many. */
export type Times = { count: number; p50: number; p95: number; most: number };

export type Sync = {
  /** One field in a project of 500 steps, on a desktop that syncs: until it is safe here. */
  saved: Times;
  /** Commits of four writers at one project of 500 steps, as the server says and as they see it. */
  pushed: Times;
  pushedSeen: Pick<Times, 'p50' | 'p95'>;
  refused: number;
  /** Two sides with 20 changes each, in 500 steps that they otherwise share. */
  merged: Times;
  /** The same where nothing is shared, as after reading files. */
  mergedApart: Times;
  /** A project of 1,000 steps into a folder, each by a desktop that has just started. */
  cloned: Times;
  /** Somebody types in the browser's editor, while another changes the project. */
  editor: Editor | { skipped: string };
  /** CPU milliseconds, which a busy machine changes less: of the desktop for an edit and a clone, of the server for a commit. */
  cpuMs: { saved: number; pushed?: number; cloned: number };
};

export type SyncPace = {
  writers: number;
  commits: number;
  edits: number;
  merges: number;
  clones: number;
  /** Commits of another while somebody types. */
  beside: number;
};
export const SYNC_PACE: SyncPace = { writers: 4, commits: 100, edits: 120, merges: 40, clones: 5, beside: 60 };

const desk = fileURLToPath(new URL('./desk.ts', import.meta.url));
const DEVICE = '0199f2c0-0000-7000-8000-0000000000be';
const CHANGES = 20;

/** What sync.md promises, on the real control plane and desktops in processes of their own. */
export async function measureSync(
  plane: ControlPlane,
  tenant: Tenant,
  { scratch, pace = SYNC_PACE, say }: { scratch: string; pace?: SyncPace; say: (line: string) => void },
): Promise<Sync> {
  const { person } = tenant;
  say(`Merging ${pace.merges} times`);
  const { merged, mergedApart } = measureMerge(pace.merges);

  say(`${pace.writers} writers with ${pace.commits} commits each`);
  const large = newId();
  await addProject(person, largeTree(large));
  plane.durations('projects.push');
  const cpuBefore = cpuMs(plane.pid);
  const written = await writeAtOnce(person.call, large, pace);
  check(written.head.revision === 1 + pace.writers * pace.commits, 'every commit was taken');
  check(written.head.hash === merkleHash(written.head.tree), 'the head is what its hash says');
  const pushed = timesOf(plane.durations('projects.push'));
  const cpuAfter = cpuMs(plane.pid);
  const perCommit =
    cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) / written.commits;

  say(`${pace.edits} edits on a desktop`);
  const edited = await runDesk(plane, tenant, { scratch, projectId: large, edits: pace.edits });
  check(edited.savedMs.length === pace.edits, 'every edit was saved');

  say(`Typing while another makes ${pace.beside} commits`);
  const others = async () => (await writeAtOnce(person.call, large, { writers: 1, commits: pace.beside })).commits;
  const editor = await measureEditor(plane, tenant, { projectId: large, others });

  const thousand = newId();
  await addProject(person, projectOf(thousand, 'Thousand', { [newId()]: ['Thousand', 1_000] }));
  const clones: DeskTold[] = [];
  for (let n = 0; n < pace.clones; n++) {
    say(`First clone of 1,000 steps: ${n + 1} of ${pace.clones}`);
    clones.push(await runDesk(plane, tenant, { scratch, projectId: thousand, edits: 0 }));
  }
  return {
    ...{ saved: timesOf(edited.savedMs), pushed, pushedSeen: { p50: written.p50, p95: written.p95 } },
    ...{ refused: written.refused, merged, mergedApart, cloned: timesOf(clones.map(({ cloneMs }) => cloneMs)) },
    editor,
    cpuMs: {
      ...{ saved: edited.cpuMs.edit, pushed: perCommit },
      cloned: timesOf(clones.map((told) => told.cpuMs.clone)).p50,
    },
  };
}

async function addProject(person: QuickPerson, tree: Tree): Promise<void> {
  const { id, name } = tree.project;
  const path = `/v1/projects/${id}`;
  await person.call('POST', '/v1/projects', { id, name });
  const { body } = await person.call<{ tree: Tree }>('GET', `${path}/head`);
  const about = { commitId: newId(), deviceId: DEVICE, baseRevision: 0, origin: 'import' as const };
  const pushed = await person.call('POST', `${path}/commits`, { commit: commitOf(body.tree, tree, about) });
  check(pushed.status === 200, 'the project was taken');
}

async function runDesk(
  plane: ControlPlane,
  { person, password }: Tenant,
  { scratch, projectId, edits }: { scratch: string; projectId: string; edits: number },
): Promise<DeskTold> {
  const signedIn = await person.call<{ refreshToken: string }>('POST', '/v1/auth/sign-in', {
    ...{ email: person.email, password, deviceName: 'Bench' },
  });
  const task: DeskTask = {
    ...{ cloudUrl: plane.url, dataDir: join(mkdtempSync(join(scratch, 'desk-')), 'data') },
    ...{ workspaceId: person.workspaceId, projectId, refreshToken: signedIn.body.refreshToken, edits },
  };
  const { stdout } = await promisify(execFile)(process.execPath, [desk, JSON.stringify(task)], { timeout: 120_000 });
  return JSON.parse(stdout) as DeskTold;
}

function measureMerge(times: number): Pick<Sync, 'merged' | 'mergedApart'> {
  const workflowId = newId();
  const project = projectOf(newId(), 'Merge', { [workflowId]: ['Merge', 500] });
  const [shared, apart]: [number[], number[]] = [[], []];
  for (let n = 0; n < times; n++) {
    const base = structuredClone(project);
    // What is known of a base is known from before.
    merkleHash(base);
    const side = (from: number, tree: Tree) =>
      Array.from({ length: CHANGES }, (_, i) => `s${1 + ((n * 31 + from + i * 7) % 499)}`).reduce(
        (now, stepId) => withField(now, workflowId, stepId, from + n),
        tree,
      );
    for (const [took, copy] of [
      [shared, (tree: Tree) => tree],
      [apart, (tree: Tree) => structuredClone(tree)],
    ] as const) {
      const trees = { base, theirs: copy(side(1, base)), ours: copy(side(4, base)) };
      const began = performance.now();
      const { tree } = mergeTrees(trees);
      took.push(performance.now() - began);
      check(Object.keys(tree.workflows[workflowId]?.steps ?? {}).length === 500, 'every step is there');
    }
  }
  return { merged: timesOf(shared), mergedApart: timesOf(apart) };
}

export function timesOf(all: readonly number[]): Times {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (share: number) => (sorted.length === 0 ? 0 : percentile(sorted, share));
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), most: sorted.at(-1) ?? 0 };
}
