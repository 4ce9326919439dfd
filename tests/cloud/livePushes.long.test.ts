import { v7 as newId } from 'uuid';
import { expect, test } from 'vitest';
import { commitOf } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { startTestCloud } from '../fixtures/cloud.ts';
import { largeTree, toldWriters, writeAtOnce } from './histories/fourWriters.fixture.ts';

test('four writers with a hundred commits each never block one another, and hardly one is refused', async () => {
  const cloud = await startTestCloud({}, allCapabilities);
  try {
    const { call } = await cloud.newPerson('Robin');
    const id = newId();
    await call('POST', '/v1/projects', { id, name: 'Large' });
    const { body } = await call<{ tree: Tree }>('GET', `/v1/projects/${id}/head`);
    const about = { commitId: newId(), deviceId: newId(), baseRevision: 0, origin: 'import' as const };
    await call('POST', `/v1/projects/${id}/commits`, { commit: commitOf(body.tree, largeTree(id), about) });
    const size = { writers: 4, commits: 100 };
    const written = await writeAtOnce(call, id, size);
    console.info(toldWriters(written, size));
    expect(written.head.revision).toBe(401);
    expect(written.head.hash).toBe(merkleHash(written.head.tree));
    expect(written.refused).toBeLessThanOrEqual(4);
  } finally {
    await cloud.stop();
  }
});
