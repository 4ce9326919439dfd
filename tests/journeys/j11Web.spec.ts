import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { joinBySql } from '../fixtures/joinBySql.ts';
import { expectAccessible } from './axe.ts';
import { card, edgeCount, expectState } from './canvas.ts';
import { test as base, expect, signUp } from './cloudDesk.ts';
import { listenForComplaints } from './desk.ts';
import { expectFits } from './places.ts';

/** A browser alone: no desktop runs anywhere. */
const test = base.extend<{ page: Page }>({
  page: async ({ page }, use) => {
    const complaints = listenForComplaints(page);
    await use(page);
    expect(complaints).toEqual([]);
  },
});
test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');
test.setTimeout(600_000);

const kim = { name: 'Kim', email: 'kim@example.com', password: `journey ${randomBytes(9).toString('hex')}` };
const person = { name: 'Journey', email: 'journey@example.com', password: `journey ${randomBytes(9).toString('hex')}` };

test('J11: in a browser alone somebody signs up, builds, publishes, watches a run, and looks after the workspace (needs Chromium)', async ({
  browser,
  context,
  cloud,
  folder,
  page,
}) => {
  await test.step('whoever is not signed in is led to the sign-in, and back', async () => {
    await page.goto(new URL('/app/connections', cloud.url).href);
    await expect(page.getByRole('heading', { name: 'Sign in to Sluice' })).toBeVisible();
    await signUp(context, cloud, person);
    await signIn(page);
    await expectLoaded(page, 'Connections');
  });

  await test.step('a project that works is a few keys away', async () => {
    await page.getByRole('link', { name: 'Projects' }).click();
    await expect(page.getByRole('heading', { name: 'What do you want to build?' })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Skip to the content' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await expect(page.getByRole('main').getByRole('button').first()).toBeFocused();
    await page.getByRole('button', { name: /^Hello/ }).focus();
    await page.keyboard.press('Enter');
    await expect(card(page, 'Greet each guest')).toBeVisible();
    await expect(page).toHaveURL(/\/app\/p\/[0-9a-f-]{36}$/);
    await expect(page.getByRole('button', { name: 'Run', exact: true })).toHaveAttribute('aria-disabled', 'true');
    await expectAccessible(page);
  });

  const other = await context.newPage();
  await test.step('an edit is saved in the workspace and seen at once by another window; undo takes it back, also after a reload', async () => {
    await other.goto(page.url());
    await expect(card(other, 'Greet each guest')).toBeVisible();
    await rename(page, 'Greet each guest', 'Welcome everybody');
    await expect(card(other, 'Welcome everybody')).toBeVisible();
    await page.keyboard.press('Control+z');
    await expect(card(page, 'Greet each guest')).toBeVisible();
    await expect(card(other, 'Greet each guest')).toBeVisible();
    await rename(page, 'Greet each guest', 'Welcome them');
    await expect(page.getByRole('contentinfo')).toContainText('Saved');
    await page.reload();
    await expect(card(page, 'Welcome them')).toBeVisible();
    await page.keyboard.press('Control+z');
    await expect(card(other, 'Greet each guest')).toBeVisible();
    await expect(page.getByRole('contentinfo')).toContainText('Saved');
    await page.reload();
    await expect(card(page, 'Greet each guest')).toBeVisible();
    await page.keyboard.press('Control+Shift+z');
    await expect(card(other, 'Welcome them')).toBeVisible();
    await expect(page.getByRole('contentinfo')).toContainText('Saved');
    await other.close();
  });

  await test.step('publishing makes it live, and its run is watched on the canvas', async () => {
    await page.getByRole('banner').getByRole('button', { name: 'Publish' }).click();
    const publish = page.getByRole('button', { name: 'Publish v1 to production' });
    await expect(publish).toBeEnabled();
    await expectAccessible(page);
    await publish.click();
    const progress = page.getByRole('dialog', { name: 'v1 is live in production' });
    await expect(progress).toBeVisible({ timeout: 60_000 });
    await expect(progress.getByRole('button', { name: 'Done' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('banner').getByRole('button', { name: 'Publish' })).toBeFocused();
    await page.getByRole('button', { name: 'Run v1' }).click();
    await expectState(page, 'Welcome them', 'Succeeded, 4 items');
    await expect(edgeCount(page, 4, 'Make a guest list', 'Welcome them')).toBeVisible();
  });

  await test.step('going back leads to the projects, and the address of each place can be reloaded', async () => {
    await page.getByRole('button', { name: 'All projects' }).click();
    await expect(page.getByRole('link', { name: /^Hello/ })).toBeVisible();
    await page.getByRole('link', { name: 'Versions' }).click();
    await expect(page.getByRole('button', { name: /v1.*Live in production/ })).toBeVisible();
    await expect(page.getByText('What v1 began with')).toBeVisible();
    await page.reload();
    await expect(page.getByText('What v1 began with')).toBeVisible();
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.getByRole('table', { name: 'Runs' }).getByRole('button', { name: 'Hello' }).click();
    await expect(page.getByRole('complementary', { name: 'Run' })).toContainText('Welcome them');
    await page.goBack();
    await expect(page.getByRole('heading', { name: 'Runs', level: 1 })).toBeVisible();
  });

  await test.step('a connection is kept by the workspace, and its secret is not shown again', async () => {
    await page.getByRole('link', { name: 'Connections' }).click();
    await page.getByRole('button', { name: 'New connection' }).click();
    const form = page.getByRole('dialog', { name: 'New connection' });
    await form.getByRole('textbox', { name: 'Name', exact: true }).fill('tracker');
    await form.getByRole('textbox', { name: 'Allowed hosts' }).fill('api.tracker.example');
    // It is tried first: the secret is for its hosts alone.
    await form.getByRole('textbox', { name: 'Address to try' }).fill('http://127.0.0.1:9/');
    await form.getByRole('button', { name: 'Try it' }).click();
    await expect(form.getByRole('alert')).toContainText('It does not work.');
    await expectAccessible(page);
    await form.getByRole('button', { name: 'Create connection' }).click();
    const row = page.getByRole('row', { name: /tracker.*api\.tracker\.example/ });
    await expect(row).toBeVisible();

    await row.getByRole('button', { name: 'Delete the connection tracker' }).click();
    const end = page.getByRole('dialog', { name: 'Delete tracker' });
    await end.getByRole('textbox', { name: 'Name of the connection' }).fill('track');
    await page.keyboard.press('Enter');
    await expect(end.getByRole('button', { name: 'Delete the connection' })).toHaveAttribute('aria-disabled', 'true');
    await end.getByRole('textbox', { name: 'Name of the connection' }).fill('tracker');
    await page.keyboard.press('Enter');
    await expect(end).toBeHidden();
    await expect(row).toBeHidden();
  });

  await test.step('every place is clear to axe, fits a table and a telephone, in light and in dark, and is walked by Tab', async () => {
    // By their links, as one goes there; the page is not loaded anew.
    const place = async (name: string) => {
      await page.setViewportSize(TABLE);
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
      await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();
    };
    for (const [turn, name] of PLACES.entries()) {
      await place(name);
      await expectFits(page, turn);
    }
    await place('Projects');
    await page.getByRole('link', { name: /^Hello/ }).click();
    for (const [turn, { button, shown }] of IN_PROJECT.entries()) {
      await page.getByRole('button', { name: button }).first().click();
      await expect(page.getByRole('main').getByText(shown).first()).toBeVisible();
      await expectFits(page, turn, { tabs: false });
    }
    for (const [turn, { path, heading }] of PAGES.entries()) {
      await page.goto(new URL(path, cloud.url).href);
      await expect(page.getByRole('heading', { name: heading, level: 1 })).toBeVisible();
      await expectFits(page, turn);
    }
    const stranger = await (await browser.newContext()).newPage();
    for (const [turn, { path, heading }] of BEFORE_SIGN_IN.entries()) {
      await stranger.goto(new URL(path, cloud.url).href);
      await expect(stranger.getByRole('heading', { name: heading })).toBeVisible();
      await expectFits(stranger, turn);
    }
    await stranger.context().close();
  });

  await test.step('a key is made for a program, and shown this once', async () => {
    await page.goto(new URL('/app/keys', cloud.url).href);
    await page.getByRole('button', { name: 'New key' }).click();
    const form = page.getByRole('dialog', { name: 'New API key' });
    await form.getByRole('textbox', { name: 'Name' }).fill('Pipeline');
    await page.keyboard.press('Enter');
    const shown = page.getByRole('dialog', { name: 'The key Pipeline' });
    const secret = await shown.getByRole('textbox', { name: 'The key' }).inputValue();
    const headers = { authorization: `Bearer ${secret}` };
    expect((await fetch(new URL('/v1/projects', cloud.url), { headers })).status).toBe(200);
    await shown.getByRole('button', { name: 'I have kept it' }).click();
    await expect(page.getByRole('row', { name: /Pipeline/ })).toBeVisible();
    await page.setViewportSize({ width: 360, height: 780 });
  });

  await test.step('on a telephone the places are behind a button, by keyboard alone', async () => {
    await page.getByRole('button', { name: 'Places' }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog', { name: 'Places' })).toBeVisible();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await expect(page.getByRole('button', { name: 'Places' })).toBeFocused();
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Projects' }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Projects', level: 1 })).toBeVisible();
    await expect(page.getByRole('dialog', { name: 'Places' })).toBeHidden();
  });

  await test.step('a workspace is exported whole, handed over to another member, and left', async () => {
    await page.setViewportSize(TABLE);
    await page.getByRole('button', { name: /^Sluice Workspace / }).click();
    await page.getByRole('menuitem', { name: 'Add a workspace' }).click();
    await page.getByRole('textbox', { name: 'Name of the workspace' }).fill('Mill');
    await page.getByRole('button', { name: 'Create workspace' }).click();
    await expect(page.getByRole('button', { name: 'Workspace Mill' })).toBeVisible();
    await page.getByRole('link', { name: 'Settings' }).click();
    // Its only member can neither hand it over nor leave, and reads what to do instead.
    await expect(page.getByText('There is nobody to hand it to yet')).toBeVisible();
    await expect(page.getByText('You are its only member')).toBeVisible();
    const handOver = page.getByRole('button', { name: 'Hand it over' });
    const leave = page.getByRole('button', { name: 'Leave the workspace' });
    await expect(handOver).toHaveAttribute('aria-disabled', 'true');
    await expect(leave).toHaveAttribute('aria-disabled', 'true');

    await page.getByRole('button', { name: 'Export everything' }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('status').filter({ hasText: 'The export is there' })).toBeVisible();
    await expectFits(page, 0);
    await page.setViewportSize(TABLE);
    const file = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Save the file' }).click();
    const lines = readFileSync(await (await file).path(), 'utf8')
      .trim()
      .split('\n');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ kind: 'workspace' });
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ end: true });

    await signUp(context, cloud, kim);
    await joinBySql(join(folder, 'cloud'), { email: kim.email, workspace: 'Mill', role: 'editor' });
    await page.reload();
    await expect(page.getByText('You are its last owner, and it needs one')).toBeVisible();
    await handOver.click();
    const dialog = page.getByRole('dialog', { name: 'Hand Mill over' });
    await expect(dialog.getByRole('button', { name: 'Hand it over' })).toHaveAttribute('aria-disabled', 'true');
    await dialog.getByRole('combobox', { name: 'New owner' }).click();
    await page.getByRole('option', { name: /^Kim/ }).click();
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Hand it over' }).click();
    await expect(dialog).toBeHidden();
    // An admin neither hands over nor deletes, and may go.
    await expect(handOver).toHaveCount(0);
    await expect(page.getByRole('button', { name: 'Delete the workspace' })).toHaveCount(0);
    await leave.click();
    const going = page.getByRole('dialog', { name: 'Leave Mill' });
    await expect(going.getByRole('button', { name: 'Cancel' })).toBeFocused();
    await expectAccessible(page);
    await going.getByRole('button', { name: 'Leave the workspace' }).click();
    await expect(going).toBeHidden();
    await expect(page.getByRole('button', { name: /^Sluice Workspace / })).not.toContainText('Mill');
    await expect(page.getByText('You are its only member')).toBeVisible();
  });

  await test.step('the audit log says in words what was done, and whose clock it was', async () => {
    await page.getByRole('link', { name: 'Audit' }).click();
    const made = page.getByRole('row', { name: /Made an API key apikey\.create/ });
    await expect(made).toContainText(/\d{1,2} \w{3,4} \d{4}, \d\d:\d\d:\d\d UTC/);
  });

  await test.step('a workspace that was deleted is gone, and comes back as it was', async () => {
    await page.setViewportSize(TABLE);
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Delete the workspace' }).click();
    const dialog = page.getByRole('dialog', { name: /^Delete / });
    await dialog.getByRole('textbox', { name: 'Short name' }).fill(await dialog.locator('strong').innerText());
    await dialog.getByRole('button', { name: 'Delete the workspace' }).click();
    await expect(page.getByRole('heading', { name: 'You are in no workspace' })).toBeVisible();
    await expectFits(page, 0);
    await page.getByRole('button', { name: /^Bring back / }).click();
    await expect(page.getByRole('heading', { name: 'Settings', level: 1 })).toBeVisible();
    await page.setViewportSize(TABLE);
    await page.getByRole('link', { name: 'Projects' }).click();
    await expect(page.getByRole('link', { name: /^Hello/ })).toBeVisible();
  });

  await test.step('signing out ends every window of the sign-in', async () => {
    const window = await context.newPage();
    await window.goto(new URL('/app', cloud.url).href);
    await expect(window.getByRole('heading', { name: 'Projects', level: 1 })).toBeVisible();
    await page.goto(new URL('/app/sessions', cloud.url).href);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading', { name: 'Sign in to Sluice' })).toBeVisible();
    await expect(window.getByRole('heading', { name: 'Sign in to Sluice' })).toBeVisible();
  });
});

const TABLE = { width: 1280, height: 780 };

/** What the navigation leads to, and what it says there. */
const PLACES = [
  'Overview',
  'Projects',
  'Runs',
  'Versions',
  'Connections',
  'Members',
  'API keys',
  'Audit',
  'Settings',
  'Notifications',
  'Sign-ins',
];

/** Of one's account, without a script. */
const PAGES = [
  { path: '/signed-in', heading: /^Hello/ },
  { path: '/second-factor', heading: 'Second factor' },
  { path: '/connected-accounts', heading: 'Connected accounts' },
  { path: '/sessions', heading: 'Devices and sign-ins' },
  { path: '/api-keys', heading: 'API keys' },
  { path: '/account', heading: 'Your data' },
  { path: '/account/delete', heading: 'Delete your account' },
];

/** For everybody: to sign in, and where there is nothing. */
const BEFORE_SIGN_IN = [
  { path: '/sign-in', heading: 'Sign in to Sluice' },
  { path: '/sign-up', heading: 'Create an account' },
  { path: '/forgot', heading: 'Set a new password' },
  { path: '/nonsense', heading: 'There is nothing here' },
  { path: '/app/nonsense', heading: 'There is nothing here' },
];

/** What a project shows beside its drawing, and something that stands there. */
const IN_PROJECT = [
  { button: /^Runs/, shown: 'Succeeded' },
  { button: /^Deployments/, shown: 'production' },
  { button: /^Connections/, shown: 'New connection' },
  { button: /^Settings/, shown: 'High contrast' },
  { button: /^Changes/, shown: 'History' },
];

/** A network that comes or goes takes the scripts of a page that just loads with it; such a page is loaded again. */
async function expectLoaded(page: Page, title: string): Promise<void> {
  let tries = 0;
  await expect(async () => {
    if (tries++ > 0) await page.reload();
    await expect(page.getByRole('heading', { name: title, level: 1 })).toBeVisible({ timeout: 30_000 });
  }).toPass({ timeout: 120_000 });
}

async function signIn(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function rename(page: Page, from: string, to: string): Promise<void> {
  await card(page, from).click();
  await page.keyboard.press('F2');
  const name = page.getByRole('dialog', { name: 'Rename the step' }).getByRole('textbox', { name: 'Name' });
  await name.fill(to);
  await name.press('Enter');
  await expect(card(page, to)).toBeVisible();
}
