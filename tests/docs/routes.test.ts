import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { SLUICE } from '../fixtures/sluice.ts';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'routes.md'), 'utf8');
/** The files that the page shows: each begins with a comment that names it. */
const shown = [...page.matchAll(/^```yaml\n# (\S+)\n(.*?)^```$/gms)].map(([, path = '', text = '']) => ({
  path,
  text,
}));
const files: ProjectFiles = {
  'sluice.yaml': 'id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55\nname: Items\nformat: 1\n',
  ...Object.fromEntries(shown.map(({ path, text }) => [path, text])),
};
const dir = mkdtempSync(join(tmpdir(), 'sluice-routes-'));
let url = '';
let stop: () => Promise<unknown> = async () => {};

beforeAll(async () => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, 'project', path)), { recursive: true });
    writeFileSync(join(dir, 'project', path), text);
  }
  const args = [SLUICE, 'serve', join(dir, 'project'), '--port', '0'];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, SLUICE_DATA: join(dir, 'data') },
    stdio: 'pipe',
  });
  const gone = new Promise((resolve) => child.once('close', resolve));
  stop = () => {
    child.kill('SIGTERM');
    return gone;
  };
  let said = '';
  child.stderr.on('data', (data) => {
    said += String(data);
  });
  url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /^Listening {2}(\S+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
    void gone.then(() => reject(new Error(said)));
  });
});
afterAll(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

const create = (body: unknown) =>
  fetch(`${url}/api/items`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
const get = async (id: string | number) => {
  const reply = await fetch(`${url}/api/items/${id}`);
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
};

test('each route of the page is a valid workflow of less than 30 lines', () => {
  expect(shown.map(({ path }) => path)).toEqual(['workflows/get-item.yaml', 'workflows/create-item.yaml']);
  for (const { path, text } of shown) expect(text.trimEnd().split('\n').length, path).toBeLessThan(30);
  const { tree, problems, sources } = readProject(files, catalog());
  expect(problems).toEqual([]);
  expect(tree && validateTree(tree, catalog(), sources)).toEqual([]);
});

test('an item is created and got; one that is not there is 404', async () => {
  const made = await create({ name: 'Pen', price: 1.5 });
  expect(made.status).toBe(201);
  const item = (await made.json()) as { id: number };
  expect(item).toEqual({ id: expect.any(Number), name: 'Pen', price: 1.5 });
  expect(await get(item.id)).toEqual({ status: 200, body: item });
  expect(await get(1_000_000)).toEqual({ status: 404, body: { message: 'There is no such item.' } });
});

test('what looks like SQL is only a value', async () => {
  const names = [
    "x'); DROP TABLE items; --",
    '" OR 1=1 --',
    "'; UPDATE items SET price = 0; --",
    '?1',
    '{{ $json }}',
    '=1+1',
  ];
  const ids: number[] = [];
  for (const name of names) {
    const made = await create({ name, price: 7 });
    expect(made.status).toBe(201);
    ids.push(((await made.json()) as { id: number }).id);
  }
  expect(new Set(ids).size).toBe(names.length);
  for (const [index, name] of names.entries())
    expect(await get(ids[index] ?? '')).toEqual({ status: 200, body: { id: ids[index], name, price: 7 } });
  for (const id of ['1 OR 1=1', "1'; DROP TABLE items; --", '1%3B--', '1 UNION SELECT 1,2,3'])
    expect(await get(encodeURIComponent(id))).toMatchObject({ status: 400, body: { code: 'route.input_invalid' } });
  expect((await get(ids[0] ?? '')).status).toBe(200);
});

test('a request that does not fit is refused field by field', async () => {
  const reply = await create({ price: -1, other: true });
  expect(reply.status).toBe(400);
  const { details } = (await reply.json()) as { details: { fields: { field: string }[] } };
  expect(details.fields.map(({ field }) => field)).toEqual(
    expect.arrayContaining(['body.name', 'body.price', 'body.other']),
  );
});

test('the API describes itself', async () => {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> };
  expect(Object.entries(paths).map(([path, methods]) => [path, Object.keys(methods)])).toEqual([
    ['/items', ['post']],
    ['/items/{id}', ['get']],
  ]);
});
