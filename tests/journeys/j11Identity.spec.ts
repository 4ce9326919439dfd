import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Page } from '@playwright/test';
import { Secret, TOTP } from 'otpauth';
import { expectAccessible } from './axe.ts';
import { expect, signUp, test } from './cloudDesk.ts';

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');
test.setTimeout(600_000);

const program = resolve(import.meta.dirname, '../../electron/cli/main.ts');
const person = { name: 'Ada', email: 'ada@example.com', password: `journey ${randomBytes(9).toString('hex')}` };

test('J11: a second factor, an API key that publishes from a build, a device without a browser, and an end to each (needs Chromium)', async ({
  context,
  cloud,
  folder,
}) => {
  const page = await context.newPage();
  const at = (path: string) => new URL(path, cloud.url).href;
  /** The command line on another computer: nobody is signed in there. */
  const elsewhere = (computer: string, env: Record<string, string> = {}) =>
    startSluice(join(folder, computer), cloud.url, env);

  await test.step('signing up, and confirming the address by the letter', async () => {
    await signUp(context, cloud, person);
    await page.goto(at('/sign-in?next=/second-factor'));
    await signIn(page);
    await expect(page.getByRole('heading', { name: 'Second factor' })).toBeVisible();
  });

  let totp = new TOTP();
  await test.step('a second factor, with codes for the day it is lost', async () => {
    await expectAccessible(page);
    await page.getByLabel('Password').fill(person.password);
    await page.getByRole('button', { name: 'Set it up' }).click();
    const key = await page.locator('code').innerText();
    totp = new TOTP({ secret: Secret.fromBase32(key.replaceAll(' ', '')) });
    await page.getByLabel('The code that it shows').fill(totp.generate());
    await page.getByRole('button', { name: 'Turn it on' }).click();
    await expect(page.getByRole('heading', { name: 'Keep these codes' })).toBeVisible();
    const [recovery = ''] = (await page.locator('pre').innerText()).split('\n');
    await page.getByRole('link', { name: 'I have kept them' }).click();

    await page.getByRole('button', { name: 'Sign out here' }).click();
    await signIn(page);
    await expect(page.getByRole('heading', { name: 'Enter your code' })).toBeVisible();
    await expectAccessible(page);
    await page.getByLabel('Code').fill('000000');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert')).toContainText('This code is not right.');
    // The app's code was used to turn it on, and works no second time.
    await page.getByLabel('Code').fill(recovery);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Hello, Ada' })).toBeVisible();
  });

  let secret = '';
  await test.step('a key for the build server, shown once', async () => {
    await page.getByRole('link', { name: 'API keys' }).click();
    await expectAccessible(page);
    await page.getByLabel('Name').fill('The build server');
    await page.getByLabel('What it may do').selectOption({ label: 'Sync and publish from a build' });
    await page.getByRole('button', { name: 'Make a key' }).click();
    secret = await page.locator('pre').innerText();
    await page.getByRole('link', { name: 'I have kept it' }).click();
    await expect(page.getByText('never used')).toBeVisible();
    await expect(page.getByText(secret)).toHaveCount(0);
  });

  const project = join(folder, 'project');
  const build = elsewhere('build', { SLUICE_API_KEY: secret });
  await test.step('the build server publishes with it', async () => {
    expect(await build(['new', project, '--template', 'hello']).ended).toMatchObject({ code: 0 });
    const who = await build(['whoami', '--json']).ended;
    expect(JSON.parse(who.out)).toMatchObject({ user: { email: person.email }, workspaces: [{ role: 'owner' }] });
    const published = await build(['publish', project, '--note', 'From a build', '--json']).ended;
    expect(published.code, published.out + published.err).toBe(0);
    expect(JSON.parse(published.out)).toMatchObject({ deployment: { status: 'active', versionNumber: 1 } });
    const runs = await build(['runs', project, '--hosted', '--json']).ended;
    expect(JSON.parse(runs.out)).toEqual({ data: [] });
    // It is no person: there is nobody to sign in or out.
    expect(await build(['login']).ended).toMatchObject({
      code: 1,
      err: expect.stringContaining('SLUICE_API_KEY is set'),
    });
    await expect(async () => {
      await page.reload();
      await expect(page.getByText(/last used \d{4}-/)).toBeVisible({ timeout: 5_000 });
    }).toPass();
  });

  await test.step('revoked, it is refused at once, and says what to do', async () => {
    await page.getByRole('button', { name: 'Revoke The build server' }).click();
    await expect(page.getByText('The build server')).toHaveCount(0);
    const ask = () => fetch(at('/v1/projects'), { headers: { authorization: `Bearer ${secret}` } });
    await expect.poll(async () => (await ask()).status).toBe(401);
    const refused = await build(['publish', project]).ended;
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('The API key in SLUICE_API_KEY is not known, or it holds no more.');
  });

  await test.step('a computer without a browser is let in by a code, and signed out from here', async () => {
    const remote = elsewhere('remote');
    const login = remote(['login', '--device']);
    await expect.poll(() => login.said.out, { timeout: 60_000 }).toMatch(/[B-Z]{4}-[B-Z]{4}/);
    const [code = ''] = /[B-Z]{4}-[B-Z]{4}/.exec(login.said.out) ?? [];
    await page.goto(/http\S+\/device/.exec(login.said.out)?.[0] ?? '');
    await expectAccessible(page);
    await page.getByLabel('Code').fill(code.toLowerCase());
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(page.getByText(code)).toBeVisible();
    await expect(page.getByText('Ada’s workspace')).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'I started it myself: let it in' }).click();
    await expect(page.getByRole('heading', { name: 'It is let in' })).toBeVisible();
    expect(await login.ended).toMatchObject({ code: 0, out: expect.stringContaining(`Signed in as ${person.email}.`) });
    expect((await remote(['whoami']).ended).out).toContain(person.email);

    await page.goto(at('/sessions'));
    await expectAccessible(page);
    await page.getByRole('button', { name: /^End the sign-in on Sluice on / }).click();
    await expect(page.getByText('Sluice on ')).toHaveCount(0);
    await expect
      .poll(async () => (await remote(['whoami']).ended).err, { timeout: 60_000 })
      .toContain('Your sign-in has ended.');
  });
});

async function signIn(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

type Outcome = { code: number | null; out: string; err: string };

/** `sluice` in a terminal of a computer of its own. */
function startSluice(dataDir: string, cloudUrl: string, env: Record<string, string>) {
  return (args: string[]): { said: { out: string; err: string }; ended: Promise<Outcome> } => {
    const child = spawn(process.execPath, [program, ...args], {
      env: {
        PATH: process.env.PATH,
        SLUICE_URL: cloudUrl,
        SLUICE_DATA: dataDir,
        SLUICE_VAULT: 'file',
        CI: '1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { out: '', err: '' };
    child.stdout.on('data', (data) => {
      said.out += String(data);
    });
    child.stderr.on('data', (data) => {
      said.err += String(data);
    });
    return { said, ended: new Promise((done) => child.once('close', (code) => done({ code, ...said }))) };
  };
}
