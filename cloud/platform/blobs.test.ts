import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, expect, test } from 'vitest';
import { createBlobs } from './blobs.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-blobs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const blobs = createBlobs(folder);
const bytes = Buffer.from('some bytes');
const sha256 = createHash('sha256').update(bytes).digest('hex');

test('bytes come back by their hash, are kept once, and leave no other files', async () => {
  const workspaceId = uuidv7();
  expect(await blobs.put(workspaceId, bytes)).toBe(sha256);
  expect(await blobs.put(workspaceId, bytes, sha256)).toBe(sha256);
  expect(await blobs.get(workspaceId, sha256)).toEqual(bytes);
  expect(readdirSync(join(folder, workspaceId, sha256.slice(0, 2)))).toEqual([sha256]);
});

test('another workspace does not have them, and asking by a path finds nothing', async () => {
  const workspaceId = uuidv7();
  await blobs.put(workspaceId, bytes);
  const other = uuidv7();
  expect(await blobs.has(other, sha256)).toBe(false);
  await expect(blobs.get(other, sha256)).rejects.toMatchObject({ code: 'blob.not_found' });
  await expect(blobs.get(other, `../${workspaceId}/${sha256}`)).rejects.toMatchObject({ code: 'blob.not_found' });
  await expect(blobs.get(`../${workspaceId}`, sha256)).rejects.toMatchObject({ code: 'blob.not_found' });
});

test('bytes that do not match the hash they came with are refused', async () => {
  await expect(blobs.put(uuidv7(), bytes, 'f'.repeat(64))).rejects.toMatchObject({ code: 'blob.corrupt' });
});

test('a file that was damaged on disk is never given out', async () => {
  const workspaceId = uuidv7();
  await blobs.put(workspaceId, bytes);
  writeFileSync(join(folder, workspaceId, sha256.slice(0, 2), sha256), 'some bytez');
  await expect(blobs.get(workspaceId, sha256)).rejects.toMatchObject({ code: 'blob.corrupt' });
});
