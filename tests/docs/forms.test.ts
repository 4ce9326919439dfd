import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { createServingBench } from '../fixtures/serving.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'forms.md'), 'utf8');
const shown = [...page.matchAll(/^```yaml\n# (\S+)\n(.*?)^```$/gms)].map(([, path = '', text = '']) => [path, text]);

test('the form of the page is valid, is shown, and stores what is sent', async () => {
  const manifest = 'id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55\nname: Forms\nformat: 1\n';
  const files = { 'sluice.yaml': manifest, ...Object.fromEntries(shown) };
  expect(Object.keys(files)).toEqual(['sluice.yaml', 'workflows/contact.yaml']);
  const { tree, problems, sources } = readProject(files, catalog());
  expect(problems).toEqual([]);
  if (!tree) throw new Error('The project was not read.');
  expect(validateTree(tree, catalog(), sources)).toEqual([]);
  const bench = createServingBench();
  try {
    const { url } = await bench.serve(tree);
    const form = await fetch(`${url}/forms/contact`);
    const body = new FormData();
    body.set('sluice_token', /name="sluice_token" value="([^"]+)"/.exec(await form.text())?.[1] ?? '');
    for (const [name, value] of Object.entries({
      name: 'Ann',
      email: 'ann@example.com',
      message: 'A long message.',
      agreed: 'yes',
    }))
      body.set(name, value);
    body.set('photo', new File(['x'], 'a.png', { type: 'image/png' }));
    const cookie = form.headers.get('set-cookie')?.split(';')[0] ?? '';
    const sent = await fetch(`${url}/forms/contact`, { method: 'POST', body, headers: { cookie } });
    expect([sent.status, (await sent.text()).includes('We have it, and will write to you.')]).toEqual([200, true]);
    await expect.poll(() => bench.runs().map(({ status }) => status)).toEqual(['succeeded']);
  } finally {
    await bench.close();
  }
});
