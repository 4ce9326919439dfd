import { v7 as newId } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { commitOf } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { startTestCloud } from '../fixtures/cloud.ts';
import { startAnotherProcess } from './histories/anotherProcess.fixture.ts';
import { largeTree, toldWriters, writeAtOnce } from './histories/fourWriters.fixture.ts';

test('four writers with a hundred commits each never block one another, and hardly one is refused', async () => {
  const cloud = await startTestCloud({}, allCapabilities);
  try {
    const person = await cloud.newPerson('Robin');
    // In a process of its own, so that the writers do not take its time.
    const server = await startAnotherProcess(cloud);
    onTestFinished(() => server.stop());
    const call = server.callAs(person);
    const id = newId();
    await call('POST', '/v1/projects', { id, name: 'Large' });
    const { body } = await call<{ tree: Tree }>('GET', `/v1/projects/${id}/head`);
    const about = { commitId: newId(), deviceId: newId(), baseRevision: 0, origin: 'import' as const };
    await call('POST', `/v1/projects/${id}/commits`, { commit: commitOf(body.tree, largeTree(id), about) });
    const size = { writers: 4, commits: 100 };
    const written = await writeAtOnce(call, id, size);
    const took = server.durations('projects.push');
    const p95 = took[Math.floor((took.length - 1) * 0.95)];
    console.info(`${toldWriters(written, size)}; p95 ${p95} ms as the server says`);
    expect(took.length).toBeGreaterThanOrEqual(401);
    expect(written.head.revision).toBe(401);
    expect(written.head.hash).toBe(merkleHash(written.head.tree));
    expect(written.refused).toBeLessThanOrEqual(4);
  } finally {
    await cloud.stop();
  }
});
