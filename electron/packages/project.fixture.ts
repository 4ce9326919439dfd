import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { catalog } from '#runtime/connectors/registry.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { readProjectFolder } from '../store/projectFolder.ts';

export type Files = Record<string, string | Uint8Array>;
/** A package as it lies in `node_modules`. */
export type TinyPackage = { name: string; version: string; files: Files; about?: object };

const WORKFLOW = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';

/** A project whose one workflow runs `scripts/score.ts`, or `scripts/score.py`, on the items of a manual trigger. */
export function makeProject(files: Files, script = 'score.ts'): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-packages-'));
  const language = script.endsWith('.py') ? 'python' : 'typescript';
  writeFiles(dir, {
    'sluice.yaml': 'id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55\nname: Packages\nformat: 1\n',
    'workflows/score.yaml': `id: ${WORKFLOW}
name: Score
steps:
  start_a1b2:
    uses: trigger.manual
    config:
      items: [{ n: 1 }, { n: 2 }]
  score_m4t8:
    uses: code.${language}
    config:
      script: scripts/${script}
edges:
  - start_a1b2 -> score_m4t8
`,
    ...files,
  });
  return dir;
}

export function writeFiles(dir: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}

/** Puts packages where npm would put them, and writes what npm would write about them. */
export function install(dir: string, packages: TinyPackage[], direct = packages.map(({ name }) => name)): void {
  const dependencies = Object.fromEntries(
    packages.filter(({ name }) => direct.includes(name)).map(({ name, version }) => [name, version]),
  );
  const locked = packages.map(({ name, version, about }) => {
    const { os, cpu } = (about ?? {}) as { os?: string[]; cpu?: string[] };
    const entry = { version, integrity: `sha512-${name}`, ...(os ? { os } : {}), ...(cpu ? { cpu } : {}) };
    return [`node_modules/${name}`, entry];
  });
  rmSync(join(dir, 'scripts/node_modules'), { recursive: true, force: true });
  writeFiles(dir, {
    'scripts/package.json': json({ private: true, dependencies }),
    'scripts/package-lock.json': json({
      lockfileVersion: 3,
      packages: { '': { dependencies }, ...Object.fromEntries(locked) },
    }),
    'scripts/node_modules/.package-lock.json': json({ lockfileVersion: 3, packages: Object.fromEntries(locked) }),
  });
  for (const { name, version, files, about } of packages) {
    const folder = `scripts/node_modules/${name}`;
    writeFiles(dir, {
      [`${folder}/package.json`]: json({ name, version, ...about }),
      ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text])),
    });
  }
}

/** A project whose script imports a tiny package, with a case that it passes where that is packed. */
export function scoreProject(): { dir: string; packages: TinyPackage[] } {
  const dir = makeProject({
    'scripts/score.ts': `import { say } from 'tiny';
export default (item: { json: { n: number } }) => ({ said: say(item.json.n * 2) });`,
    'tests/score.yaml': `name: Says twice as much
workflow: score
items:
  - json: { n: 3 }
expect:
  status: succeeded
  steps:
    score_m4t8:
      - json: { said: tiny says 6 }
`,
  });
  return {
    dir,
    packages: [{ name: 'tiny', version: '1.0.0', files: { 'index.js': "exports.say = (n) => 'tiny says ' + n;" } }],
  };
}

export async function readTree(dir: string): Promise<Tree> {
  const { files } = await readProjectFolder(dir);
  const { tree, problems } = readProject(files, catalog());
  if (!tree) throw new Error(JSON.stringify(problems));
  return tree;
}

export const json = (value: unknown): string => JSON.stringify(value, null, 2);
