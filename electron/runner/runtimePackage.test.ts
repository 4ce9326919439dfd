import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { flatHash } from '#shared/workflow/hash.ts';
import { findRuntime, NODE_FLAGS } from './runtimePackage.ts';

function packaged(main = 'console.log("runtime");') {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-runtime-'));
  mkdirSync(join(dir, 'runtime'));
  mkdirSync(join(dir, 'host'));
  writeFileSync(join(dir, 'runtime', 'main.js'), main);
  const rest = {
    version: '0.1.0',
    node: '24.21.0',
    files: { 'main.js': createHash('sha256').update(main).digest('hex') },
  };
  const hash = flatHash(rest);
  writeFileSync(join(dir, 'runtime', 'runtime.lock.json'), JSON.stringify({ ...rest, hash }));
  return { host: join(dir, 'host'), main: join(dir, 'runtime', 'main.js'), hash };
}

test('the package beside the host is found, and its manifest’s hash is its name', () => {
  const { host, main, hash } = packaged();
  expect(findRuntime(host, undefined)).toEqual({ hash, args: [...NODE_FLAGS, main] });
});

test('a file that is not the one that was built is refused by name', () => {
  const { host, main } = packaged();
  writeFileSync(main, 'console.log("something else");');
  expect(() => findRuntime(host, undefined)).toThrow(
    expect.objectContaining({ code: 'config.invalid', message: expect.stringContaining(main) }),
  );
});

test('where nothing was built there is advice', () => {
  const empty = mkdtempSync(join(tmpdir(), 'sluice-runtime-'));
  expect(() => findRuntime(join(empty, 'host'), empty)).toThrow(
    expect.objectContaining({ advice: 'Run "npm run build".' }),
  );
});
