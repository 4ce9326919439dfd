import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { runtimeBundle } from './bundleRuntime.ts';
import { root } from './paths.ts';

const names = Array.from(
  readFileSync(join(root, 'runtime/failpoint.ts'), 'utf8').matchAll(/^ {2}\| '([a-z_.]+)'/gm),
  ([, name]) => String(name),
);

test('every failpoint stands at one place of the runtime', () => {
  const sources = globSync('runtime/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
  const called = sources.flatMap((file) =>
    Array.from(readFileSync(join(root, file), 'utf8').matchAll(/\bfailpoint\('([^']+)'\)/g), ([, name]) =>
      String(name),
    ),
  );
  expect(names.length).toBeGreaterThan(30);
  expect(called.sort()).toEqual([...names].sort());
});

test('what is shipped has no failpoint in it, not even its name', async () => {
  const { outputFiles = [] } = await build({
    ...runtimeBundle,
    write: false,
    outdir: join(root, 'build/out/unwritten'),
  });
  const text = outputFiles.map((file) => file.text).join('\n');
  expect(text.length).toBeGreaterThan(1_000_000);
  expect(names.filter((name) => text.includes(`'${name}'`) || text.includes(`"${name}"`))).toEqual([]);
  expect(text).not.toMatch(/failpoint/i);
}, 300_000);
