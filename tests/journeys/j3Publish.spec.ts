import { randomBytes } from 'node:crypto';
import type { Page } from '@playwright/test';
import { card, chooseType, dragFromPort, edgeCount, expectState } from './canvas.ts';
import { expect, signInToPublish, signUp, test } from './cloudDesk.ts';

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');
test.setTimeout(600_000);

const person = { name: 'Journey', email: 'journey@example.com', password: `journey ${randomBytes(9).toString('hex')}` };

test('J3: a workflow is published, answers its webhook, fires on schedule, is watched live, rolled back and forward (needs Chromium)', async ({
  context,
  cloud,
  editor: page,
}) => {
  const form = page.getByRole('complementary', { name: 'Inspector' });
  await test.step('a workflow with a webhook, an answer and a schedule', async () => {
    await newProject(page);
    await addTrigger(page, 'webhook', 'trigger.webhook');
    await form.getByLabel('Path').fill('price');
    await form.getByLabel('Answer').click();
    await page.getByRole('option', { name: 'respond' }).click();
    await dragFromPort(page, 'Webhook', 'main', [140, 0]);
    await chooseType(page, 'respond', 'flow.respond');
    await form.getByLabel('Body').fill('={ total: $json.body.amount * 2 }');
    await expect(page.getByRole('button', { name: 'No problems' })).toBeVisible();
  });

  const dialog = page.getByRole('dialog', { name: /^Publish Prices/ });
  await test.step('signing up, confirming the address, signing in from the desktop', async () => {
    await signUp(context, cloud, person);
    await signInToPublish(page, person);
  });

  await test.step('the dialog says what changes and what it costs', async () => {
    await dialog.getByRole('button', { name: 'Send it there' }).click();
    await expect(dialog.getByRole('combobox', { name: 'Environment' })).toHaveText('production');
    const changes = dialog.getByRole('region', { name: 'What changes' });
    await expect(changes).toContainText('Webhook');
    await expect(changes).toContainText('Respond');
    await expect(dialog).toContainText('Hosted runs today');
    await expect(dialog).toContainText('$0.00 a month');
  });

  const hook = await test.step('publishing makes it live and gives the address', () => publish(page, 1));

  await test.step('the webhook answers, and its run appears by itself', async () => {
    expect(await call(hook, 21)).toEqual({ status: 200, body: { total: 42 } });
    await expectState(page, 'Webhook', 'Succeeded, 1 item');
    await expectState(page, 'Respond', 'Succeeded');
    await expect(edgeCount(page, 1, 'Webhook', 'Respond')).toBeVisible();
  });

  const runs = page.getByRole('table');
  await test.step('the hosted runs are listed, and grow while they are looked at', async () => {
    await page.getByRole('button', { name: 'Runs', exact: true }).click();
    await page.getByRole('radio', { name: 'Hosted' }).click();
    await expect(runs.getByRole('row', { name: /Main.*v1.*Succeeded.*production.*Webhook/ })).toHaveCount(1);
    expect(await call(hook, 1)).toEqual({ status: 200, body: { total: 2 } });
    await expect(runs.getByRole('row', { name: /Main.*v1.*Succeeded.*production.*Webhook/ })).toHaveCount(2);
    await runs
      .getByRole('row', { name: /Webhook/ })
      .last()
      .click();
    await page.getByRole('button', { name: 'Show on the canvas' }).click();
    await expect(page.getByText(/Hosted run.*read-only/)).toBeVisible();
    await expect(page.getByRole('region', { name: 'Data and log' })).toContainText('21');
    await page.getByRole('button', { name: 'Back to editing' }).click();
  });

  await test.step('version 2 answers otherwise and fires within a minute', async () => {
    await card(page, 'Respond').click();
    await form.getByLabel('Body').fill('{ total: $json.body.amount * 3 }');
    await addTrigger(page, 'schedule', 'trigger.schedule');
    await form.getByRole('textbox', { name: 'Times', exact: true }).fill('* * * * *');
    await page.getByRole('button', { name: /^Changes/ }).click();
    await page.getByRole('button', { name: /^In production v1/ }).click();
    const details = page.getByRole('complementary', { name: 'Details' });
    await expect(details).toContainText('Changed since v1');
    await expect(details).toContainText('On a schedule');
    await expect(card(page, 'Respond')).toHaveAccessibleName(/changed$/);
    await page.getByRole('button', { name: 'Back to editing' }).last().click();
    await page.getByRole('banner').getByRole('button', { name: 'Publish' }).click();
    const changes = dialog.getByRole('region', { name: 'What changes' });
    await expect(changes).toContainText('On a schedule');
    await expect(changes).toContainText('Respond');
    await publish(page, 2);
    expect(await call(hook, 21)).toEqual({ status: 200, body: { total: 63 } });
    await page.getByRole('button', { name: 'Runs', exact: true }).click();
    await page.getByRole('radio', { name: 'Hosted' }).click();
    await expect(runs.getByRole('row', { name: /Main.*v2.*Succeeded.*Schedule/ }).first()).toBeVisible({
      timeout: 150_000,
    });
  });

  await test.step('rolling back and forward again', async () => {
    await page.getByRole('button', { name: 'Deployments' }).click();
    await expect(runs.getByRole('row', { name: /^v2.*Live/ })).toBeVisible();
    for (const { version, total } of [
      { version: 1, total: 42 },
      { version: 2, total: 63 },
    ]) {
      await runs
        .getByRole('button', { name: `Roll back to v${version}` })
        .first()
        .click();
      await page.getByRole('dialog').getByRole('button', { name: 'Roll back production' }).click();
      await expect(runs.getByRole('row', { name: new RegExp(`^v${version}.*Live`) })).toBeVisible();
      expect(await call(hook, 21)).toEqual({ status: 200, body: { total } });
    }
  });

  await test.step('what a locked project does not take stays here, and goes on as a project of its own', async () => {
    await lockProject(cloud.url);
    await page.getByRole('button', { name: 'Workflows' }).click();
    await card(page, 'Respond').click();
    await page.keyboard.press('F2');
    const name = page.getByRole('dialog', { name: 'Rename the step' }).getByRole('textbox', { name: 'Name' });
    await name.fill('Answer my way');
    await name.press('Enter');
    const status = page.getByRole('contentinfo').getByRole('button', { name: /Why, and what happens next$/ });
    await expect(status).toContainText('Cannot sync', { timeout: 60_000 });
    await status.click();
    await expect(page.getByText(/^Your changes stay on this computer and are sent once/)).toBeVisible();
    await page.getByRole('button', { name: 'Save as a new project' }).click();
    const form = page.getByRole('dialog', { name: 'Duplicate Prices' });
    await form.getByRole('textbox', { name: 'Name' }).fill('Prices of my own');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('banner')).toContainText('Prices of my own');
    await expect(card(page, 'Answer my way')).toBeVisible();
    await expect(status).toContainText('Saved here');
  });
});

/** Nobody changes the person's only project from now on. */
async function lockProject(url: string): Promise<void> {
  const ask = async (method: string, path: string, headers: Record<string, string>, body?: object) => {
    const reply = await fetch(new URL(path, url), {
      method,
      headers: { 'content-type': 'application/json', 'idempotency-key': randomBytes(9).toString('hex'), ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    expect(reply.status).toBe(200);
    return reply.json();
  };
  const { email, password } = person;
  const { accessToken } = await ask('POST', '/v1/auth/sign-in', {}, { email, password });
  const token = { authorization: `Bearer ${accessToken}` };
  const { workspaces } = await ask('GET', '/v1/auth/whoami', token);
  const within = { ...token, 'sluice-workspace': workspaces[0].id };
  const { data } = await ask('GET', '/v1/projects', within);
  await ask('POST', `/v1/projects/${data[0].id}/lock`, within, {});
}

async function newProject(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'All projects' }).click();
  await page.getByRole('textbox', { name: 'Name of the project' }).fill('Prices');
  await page.getByRole('button', { name: 'Create project' }).click();
  await expect(page.getByRole('banner')).toContainText('Prices');
  await card(page, 'Start').click();
  await page.keyboard.press('Delete');
  await expect(page.getByRole('heading', { name: 'What starts this workflow?' })).toBeVisible();
}

/** Adds a step that hangs on nothing. */
async function addTrigger(page: Page, typed: string, type: string): Promise<void> {
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('n');
  await chooseType(page, typed, type);
}

/** Publishes from the open dialog and waits until the version is live. Gives the webhook's address. */
async function publish(page: Page, version: number): Promise<string> {
  await page
    .getByRole('dialog')
    .getByRole('button', { name: `Publish v${version} to production` })
    .click();
  const progress = page.getByRole('dialog', { name: `v${version} is live in production` });
  await expect(progress).toBeVisible({ timeout: 60_000 });
  const hook = await progress.getByText(/^https?:\/\//).innerText();
  await progress.getByRole('button', { name: 'Done' }).click();
  return hook;
}

async function call(hook: string, amount: number): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(hook, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amount }),
  });
  return { status: reply.status, body: await reply.json() };
}
