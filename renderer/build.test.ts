import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, test, vi } from 'vitest';

const FIRST_LOAD_BYTES = 400 * 1_024;
let files: Rolldown.RolldownOutput['output'];

beforeAll(async () => {
  // The test runner's own value would build React for development.
  vi.stubEnv('NODE_ENV', 'production');
  const configFile = new URL('./vite.config.ts', import.meta.url).pathname;
  const result = await build({ configFile, logLevel: 'silent', build: { write: false, emptyOutDir: false } });
  files = ([result].flat()[0] as Rolldown.RolldownOutput).output;
}, 300_000);

/** What the browser fetches before the editor shows: the entry, what it imports without asking, and their styles. */
function firstLoad(): string[] {
  const entry = files.find((file) => file.type === 'chunk' && file.isEntry);
  const seen = new Set<string>();
  const follow = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = files.find((one) => one.fileName === name);
    if (file?.type === 'chunk') for (const next of file.imports) follow(next);
  };
  if (entry) follow(entry.fileName);
  for (const file of files) if (/^assets\/index-[\w-]+\.css$/.test(file.fileName)) seen.add(file.fileName);
  return [...seen];
}

test('the first load stays under 400 KB gzipped', () => {
  const names = firstLoad();
  expect(names.length).toBeGreaterThan(2);
  const bytes = names.map((name) => {
    const file = files.find((one) => one.fileName === name);
    return gzipSync(file?.type === 'chunk' ? file.code : (file?.source ?? '')).length;
  });
  expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThan(FIRST_LOAD_BYTES);
});

test('code editor, layout and YAML come only when they are asked for', () => {
  const names = firstLoad();
  const modules = files.flatMap((file) =>
    file.type === 'chunk' && names.includes(file.fileName) ? file.moduleIds : [],
  );
  for (const late of ['monaco-editor', '@dagrejs/dagre', '/node_modules/yaml/', '/node_modules/re2js/']) {
    expect(modules.filter((id) => id.includes(late))).toEqual([]);
  }
});

test('the page holds no inline script and loads nothing from elsewhere', () => {
  const file = files.find((one) => one.fileName === 'index.html');
  const page = file?.type === 'asset' ? String(file.source) : '';
  expect(page).toContain('<script');
  expect(page.match(/<script(?![^>]*\ssrc=)/g)).toBeNull();
  expect(page.match(/(?:src|href)="(?:https?:)?\/\//g)).toBeNull();
});
