import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { commitOf } from '#shared/merge/ops.ts';
import { rebaseCommit } from '#shared/merge/rebaseCommit.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { startAnotherProcess } from './histories/anotherProcess.fixture.ts';
import { largeTree, toldWriters, writeAtOnce } from './histories/fourWriters.fixture.ts';

let cloud: TestCloud;
let person: Person;
beforeAll(async () => {
  cloud = await startTestCloud({}, allCapabilities);
  person = await cloud.newPerson('Robin');
}, 300_000);
afterAll(() => cloud?.stop());

async function newProject(make: (projectId: string) => Tree): Promise<string> {
  const id = newId();
  const path = `/v1/projects/${id}`;
  expect((await person.call('POST', '/v1/projects', { id, name: 'Large' })).status).toBe(200);
  const { body } = await person.call<{ tree: Tree }>('GET', `${path}/head`);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: 0, origin: 'import' as const };
  const pushed = await person.call('POST', `${path}/commits`, { commit: commitOf(body.tree, make(id), about) });
  expect(pushed.status).toBe(200);
  return id;
}

// The same with larger numbers: livePushes.long.test.ts.
test('four writers at one workflow of 500 steps all get through, and nothing of anybody is missing', async () => {
  const projectId = await newProject(largeTree);
  const size = { writers: 4, commits: 12 };
  const written = await writeAtOnce(person.call, projectId, size);
  console.info(toldWriters(written, size));
  expect(written.commits).toBe(size.writers * size.commits);
  expect(written.head.revision).toBe(1 + written.commits);
  expect(written.head.hash).toBe(merkleHash(written.head.tree));
  expect(written.rebasedByServer).toBeGreaterThan(0);
  expect(written.refused).toBeLessThanOrEqual(Math.ceil(written.commits / 100));
}, 300_000);

test('conflicts, history and the lock are there over HTTP as well', async () => {
  const projectId = await newProject((id) => ({ ...largeTree(id), scripts: { 'a.ts': 'export {};\n' } }));
  const path = `/v1/projects/${projectId}`;
  const head = async () => (await person.call<{ revision: number; tree: Tree }>('GET', `${path}/head`)).body;
  const from = await head();
  const withScript = (text: string) => ({ ...from.tree, scripts: { 'a.ts': text } });
  const about = (revision: number) => ({
    commitId: newId(),
    deviceId: newId(),
    baseRevision: revision,
    origin: 'canvas' as const,
  });
  const theirs = commitOf(from.tree, withScript('export const a = 1;\n'), about(from.revision));
  await person.call('POST', `${path}/commits`, { commit: theirs });
  const ours = commitOf(from.tree, withScript('export const a = 2;\n'), about(from.revision));
  const refused = await person.call('POST', `${path}/commits`, { commit: ours });
  expect(refused).toMatchObject({
    status: 409,
    body: { code: 'project.rebase_required', details: { paths: [['scripts', 'a.ts']] } },
  });
  const { rebased, conflicts } = rebaseCommit(from.tree, [{ revision: from.revision + 1, commit: theirs }], ours);
  expect((await person.call('POST', `${path}/commits`, { commit: rebased, conflicts })).status).toBe(200);

  const open = await person.call<{ data: { id: string }[] }>('GET', `${path}/conflicts?status=open`);
  expect(open.body.data).toMatchObject([{ kind: 'text', status: 'open', createdBy: 'Robin' }]);
  const resolve = `${path}/conflicts/${open.body.data[0]?.id}/resolve`;
  expect((await person.call('POST', resolve, { choice: 'edit' })).status).toBe(422);
  const decided = await person.call('POST', resolve, { choice: 'edit', value: 'export const a = 3;\n' });
  expect(decided).toMatchObject({ status: 200, body: { conflict: { status: 'resolved', resolution: 'edit' } } });
  const now = await head();
  expect(now.tree.scripts).toEqual({ 'a.ts': 'export const a = 3;\n' });
  expect((await person.call('POST', `${path}/conflicts/resolve`, { choice: 'ours' })).body).toMatchObject({
    revision: now.revision,
    resolved: [],
  });

  const named = await person.call('PUT', `${path}/revisions/${from.revision}/name`, { name: 'First' });
  expect(named).toMatchObject({ status: 200, body: { revision: from.revision, name: 'First' } });
  const history = await person.call<{ data: unknown[] }>('GET', `${path}/history?limit=2`);
  expect(history.body.data).toMatchObject([
    { revision: now.revision, origin: 'merge' },
    { revision: now.revision - 1 },
  ]);
  const at = await person.call('GET', `${path}/revisions/${from.revision}`);
  expect(at).toMatchObject({ status: 200, body: { revision: from.revision, tree: from.tree } });
  expect((await person.call('GET', `${path}/revisions/999`)).status).toBe(404);
  expect((await person.call('GET', `${path}/revisions/abc`)).status).toBe(422);

  expect((await person.call('POST', `${path}/lock`, {})).body).toMatchObject({ locked: { byName: 'Robin' } });
  const late = commitOf(now.tree, { ...now.tree, scripts: {} }, about(now.revision));
  expect(await person.call('POST', `${path}/commits`, { commit: late })).toMatchObject({
    status: 423,
    body: { code: 'project.locked' },
  });
  expect((await person.call('POST', `${path}/unlock`, {})).body).not.toHaveProperty('locked');
  expect((await person.call('POST', `${path}/commits`, { commit: late })).status).toBe(200);
}, 300_000);

/** Passes everything on until it is armed; then the first byte of an answer ends the process and the connection. */
async function startCutter(to: URL, kill: () => void) {
  let armed = false;
  let cut = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => {
      if (!armed) return near.write(bytes);
      cut++;
      kill();
      return near.destroy();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm: () => {
      armed = true;
    },
    cuts: () => cut,
  };
}

test('a push whose process is killed after the commit and before the answer is one revision, and gets that answer later', async () => {
  const other = await startAnotherProcess(cloud);
  onTestFinished(() => other.stop());
  const cutter = await startCutter(new URL(other.url), () => process.kill(other.pid, 'SIGKILL'));
  const headers = { authorization: `Bearer ${person.accessToken}`, 'sluice-workspace': person.workspaceId };

  const projectId = await newProject((id) => ({ ...largeTree(id), scripts: { 'a.ts': 'export {};\n' } }));
  const path = `/v1/projects/${projectId}`;
  const before = await send<{ revision: number; tree: Tree }>(cutter.url, 'GET', `${path}/head`, undefined, headers);
  const { revision, tree } = before.body;
  const about = { commitId: newId(), deviceId: newId(), baseRevision: revision, origin: 'canvas' as const };
  const next = { ...tree, scripts: { 'a.ts': 'export const a = 1;\n' } };
  const commit = commitOf(tree, next, about);

  cutter.arm();
  await expect(send(cutter.url, 'POST', `${path}/commits`, { commit }, headers)).rejects.toThrow();
  expect(cutter.cuts()).toBe(1);
  // Whoever asks elsewhere sees it: the transaction was over.
  const after = await person.call<{ revision: number; hash: string }>('GET', `${path}/head`);
  expect(after.body).toMatchObject({ revision: revision + 1, hash: commit.resultHash });
  const again = await person.call('POST', `${path}/commits`, { commit });
  expect(again).toMatchObject({
    status: 200,
    body: { revision: revision + 1, hash: commit.resultHash, rebased: false },
  });
  const { body } = await person.call<{ commits: unknown[] }>('GET', `${path}/commits?since=${revision}`);
  expect(body.commits).toHaveLength(1);
}, 300_000);
