import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expectAccessible } from './axe.ts';
import { card, expectState, run } from './canvas.ts';
import { type CloudDesk, expect, type Person, signUp, test } from './cloudDesk.ts';
import { openTerminal } from './textPeople.ts';

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');
test.setTimeout(600_000);

const person = { name: 'Robin', email: 'robin@example.com', password: `journey ${randomBytes(9).toString('hex')}` };
const FILE = 'workflows/hello.yaml';

test('J6: text people keep the project in Git, edit it beside the open canvas, check and test it on the command line, and publish it in a build (needs Chromium and Git)', async ({
  context,
  cloud,
  folder,
  editor: page,
}) => {
  const { git, sluice } = openTerminal(join(folder, 'home'));
  const dir = join(folder, 'work', 'party');
  const text = () => readFileSync(join(dir, FILE), 'utf8');
  const edit = (from: string | RegExp, to: string) => writeFileSync(join(dir, FILE), text().replace(from, to));
  const ok = async (outcome: ReturnType<typeof git>) => expect(await outcome).toMatchObject({ code: 0 });

  await test.step('the project is a Git repository, and open on the canvas', async () => {
    mkdirSync(dirname(dir), { recursive: true });
    await ok(sluice(dirname(dir), 'new', dir, '--template', 'hello'));
    await ok(git(dir, 'init', '-q'));
    await ok(git(dir, 'add', '.'));
    await ok(git(dir, 'commit', '-q', '-m', 'Begin'));
    await page.getByRole('button', { name: 'All projects' }).click();
    await page.getByRole('textbox', { name: 'Path of the folder' }).fill(dir);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByRole('button', { name: 'Trust this folder' }).click();
    await expect(card(page, 'Greet each guest')).toBeVisible();
  });

  await test.step('what is written in a text editor is on the canvas, and what is done on the canvas is one line of the file', async () => {
    edit('name: Greet each guest', 'name: Greet everybody');
    await expect(card(page, 'Greet everybody')).toBeVisible();
    await ok(git(dir, 'commit', '-q', '-a', '-m', 'Greet everybody'));
    await card(page, 'Greet everybody').click();
    const form = page.getByRole('complementary', { name: 'Inspector' });
    await form.getByRole('combobox', { name: 'letters' }).fill('=$json.name.length + 1');
    await expect.poll(text).toContain('letters: =$json.name.length + 1');
    const { out } = await git(dir, 'diff', '--stat');
    expect(out).toContain('1 insertion(+), 1 deletion(-)');
    expect(text()).toContain('# A text with {{ }} is a template.');
  });

  await test.step('a file that cannot be read is left alone, and the editor says which line and why', async () => {
    const whole = text();
    writeFileSync(join(dir, FILE), whole.replace('  greet_c4r7:\n', '  greet_c4r7: [\n'));
    const banner = page.getByRole('alert').filter({ hasText: `${FILE} cannot be read, line ` });
    await expect(banner).toBeVisible();
    await expect(card(page, 'Greet everybody')).toBeVisible();
    await expectAccessible(page);
    expect(await sluice(dir, 'validate', dir)).toMatchObject({ code: 1, out: expect.stringContaining(`${FILE}:`) });
    writeFileSync(join(dir, FILE), whole);
    await expect(banner).toBeHidden();
  });

  await test.step('a test on the command line catches what was changed, and passes once it is right', async () => {
    await ok(sluice(dir, 'validate', dir));
    expect(await sluice(dir, 'test', dir)).toMatchObject({
      code: 1,
      out: expect.stringContaining('0 passed, 1 failed'),
    });
    edit('$json.name.length + 1', '$json.name.length');
    expect(await sluice(dir, 'test', dir)).toMatchObject({
      code: 0,
      out: expect.stringContaining('1 passed, 0 failed'),
    });
    await expect.poll(async () => (await git(dir, 'status', '--porcelain')).out).toBe('');
  });

  await test.step('a merge that Git could not finish is put together by structure, and the clash is answered beside the canvas', async () => {
    const line = (words: string) => edit(/greeting: .*/, `greeting: "${words}, {{ $json.name }}!"`);
    await ok(git(dir, 'switch', '-q', '-c', 'evening'));
    line('Good evening');
    edit('name: Make a guest list', 'name: Ask who comes');
    await ok(git(dir, 'commit', '-q', '-a', '-m', 'In the evening'));
    await ok(git(dir, 'switch', '-q', 'main'));
    line('Good morning');
    await ok(git(dir, 'commit', '-q', '-a', '-m', 'In the morning'));
    expect(await git(dir, 'merge', 'evening')).toMatchObject({ code: 1 });
    expect(text()).toContain('<<<<<<<');

    const banner = page.getByRole('alert').filter({ hasText: `${FILE} holds merge markers` });
    await expectAccessible(page);
    await banner.getByRole('button', { name: 'Merge both sides' }).click();
    await expect(banner).toBeHidden();
    await expect(card(page, 'Ask who comes')).toBeVisible();
    await expect.poll(text).not.toContain('<<<<<<<');

    await expect(card(page, 'Greet everybody')).toHaveAccessibleName(/2 answers/);
    await page.getByRole('button', { name: /^Changes/ }).click();
    const clash = page
      .getByRole('complementary', { name: 'Details' })
      .getByRole('article', { name: /^Greet everybody/ });
    await expect(clash.getByRole('figure', { name: 'This branch' })).toContainText('Good morning');
    await expect(clash.getByRole('figure', { name: 'The other branch' })).toContainText('Good evening');
    await clash.getByRole('button', { name: 'Edit' }).click();
    await clash
      .getByRole('textbox', { name: 'Your answer' })
      .fill('{{ $env.word }}, {{ $json.name }}! Your table is number {{ $json.table }}.');
    await clash.getByRole('button', { name: 'Use this answer' }).click();
    await expect(page.getByText('All are answered. You can publish.')).toBeVisible();
    await expect.poll(text).toContain('Your table is number');
    await ok(git(dir, 'commit', '-q', '-a', '-m', 'Merge the evening'));
  });

  await test.step('a file that vanishes is not taken for deleted, and comes back', async () => {
    await page.getByRole('button', { name: 'Workflows', exact: true }).click();
    rmSync(join(dir, FILE));
    const banner = page.getByRole('note').filter({ hasText: '1 file has vanished from the folder' });
    await expect(banner).toBeVisible();
    await expect(card(page, 'Greet everybody')).toBeVisible();
    await expectAccessible(page);
    await banner.getByRole('button', { name: 'Restore it' }).click();
    await expect(banner).toBeHidden();
    await expect.poll(async () => (await git(dir, 'status', '--porcelain')).out).toBe('');
  });

  await test.step('it still runs', async () => {
    await run(page);
    await expectState(page, 'Greet everybody', 'Succeeded, 4 items');
  });

  await test.step('a build checks, tests and publishes a clone, with an API key and without a sign-in', async () => {
    await signUp(context, cloud, person);
    const key = await makeKey(cloud, person);
    const build = openTerminal(join(folder, 'build'), { SLUICE_URL: cloud.url, SLUICE_API_KEY: key.secret });
    const clone = join(folder, 'build', 'party');
    await ok(build.git(join(folder, 'build'), 'clone', '-q', dir, clone));
    await ok(build.sluice(clone, 'validate', clone));
    await ok(build.sluice(clone, 'test', clone));
    const published = await build.sluice(
      clone,
      'publish',
      clone,
      '--workspace',
      key.workspace,
      '--note',
      'From a build',
      '--json',
    );
    expect(published, published.err).toMatchObject({ code: 0 });
    expect(JSON.parse(published.out)).toMatchObject({ deployment: { status: 'active', versionNumber: 1 } });
    const wrong = openTerminal(join(folder, 'stranger'), { SLUICE_URL: cloud.url, SLUICE_API_KEY: `${key.secret}x` });
    expect(await wrong.sluice(clone, 'publish', clone)).toMatchObject({
      code: 1,
      err: expect.stringContaining('The API key in SLUICE_API_KEY'),
    });
  });
});

/** As the page of the keys does it for who is signed in. */
async function makeKey(
  { url }: CloudDesk,
  { email, password }: Person,
): Promise<{ secret: string; workspace: string }> {
  const post = async <T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> => {
    const reply = await fetch(new URL(path, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomBytes(16).toString('hex'), ...headers },
      body: JSON.stringify(body),
    });
    expect(reply.ok, `${path} answered ${reply.status}`).toBe(true);
    return reply.json() as Promise<T>;
  };
  const { accessToken } = await post<{ accessToken: string }>('/v1/auth/sign-in', { email, password });
  const authorization = `Bearer ${accessToken}`;
  const who = await fetch(new URL('/v1/auth/whoami', url), { headers: { authorization } });
  const [workspace] = ((await who.json()) as { workspaces: { id: string; slug: string }[] }).workspaces;
  if (!workspace) throw new Error('A new account has a workspace.');
  const scopes = [
    'workspace:read',
    'workflow:read',
    'run:read',
    'usage:read',
    'connection:read',
    'project:write',
    'workflow:write',
    'sync:write',
    'deployment:write',
    'script:write',
  ];
  const made = await post<{ secret: string }>(
    '/v1/api-keys',
    { name: 'Build', scopes, expiresInDays: 1 },
    { authorization, 'sluice-workspace': workspace.id },
  );
  return { secret: made.secret, workspace: workspace.slug };
}
