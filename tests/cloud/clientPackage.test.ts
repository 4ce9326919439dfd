import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildAll } from '../../build/build.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { type Person, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const example = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(root, 'build/client/README.md'), 'utf8'))?.[1] ?? '';

let dir: string;
let cloud: TestCloud;
let person: Person;
let key: string;
beforeAll(async () => {
  await buildAll(['client']);
  // A program of somebody else: it has the package and what that needs, and nothing of ours.
  dir = mkdtempSync(join(tmpdir(), 'sluice-client-'));
  mkdirSync(join(dir, 'node_modules', '@sluice'), { recursive: true });
  symlinkSync(join(root, 'build/out/client'), join(dir, 'node_modules/@sluice/client'));
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  // The libraries of the language are believed; the types of the package are not.
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: 'es2024', module: 'nodenext', noUncheckedIndexedAccess: true },
    ...{ lib: ['es2024', 'dom'], types: [], skipLibCheck: false, skipDefaultLibCheck: true },
  };
  writeFileSync(join(dir, 'node.d.ts'), 'declare const process: { env: Record<string, string | undefined> };\n');
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  cloud = await startTestCloud({}, allCapabilities);
  person = await cloud.newPerson();
  const made = await person.call<{ secret: string }>('POST', '/v1/api-keys', {
    name: 'Package',
    scopes: ['workflow:read', 'run:read', 'project:write'],
  });
  key = made.body.secret;
}, 300_000);
afterAll(async () => {
  await cloud?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('the example of the package runs against a control plane, with the built package alone', async () => {
  const id = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a00';
  await person.call('POST', '/v1/projects', { id, name: 'Warehouse' });
  writeFileSync(join(dir, 'example.ts'), example);
  const env = { PATH: process.env.PATH, SLUICE_URL: cloud.url, SLUICE_API_KEY: key };
  const { stdout } = await run(process.execPath, [join(dir, 'example.ts')], { env });
  expect(stdout).toBe(`Warehouse 0 ${id}\nrun.not_found 404\n`);
});

test('its types hold on their own, and find what is misspelt', { timeout: 300_000 }, async () => {
  writeFileSync(
    join(dir, 'wrong.ts'),
    [
      "import { createSluiceClient } from '@sluice/client';",
      "const client = createSluiceClient({ url: '' });",
      'await client.projects.list({ limitt: 5 });',
      'await client.projects.remove({});',
      'const { data } = await client.projects.list({});',
      'data[0]?.colour;',
    ].join('\n'),
  );
  const { stdout } = await run(process.execPath, [tsc, '-p', dir], { cwd: dir }).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout.match(/^\S+\.ts\(\d+/gm)).toEqual(['wrong.ts(3', 'wrong.ts(4', 'wrong.ts(6']);
});
