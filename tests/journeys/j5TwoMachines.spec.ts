import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { parse } from 'yaml';
import { card, chooseType, selectStep } from './canvas.ts';
import { connectDevice, signInToPublish, signUp } from './cloudDesk.ts';
import { expectFits } from './places.ts';
import { expect, type Machine, test } from './twoDesks.ts';

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');
test.setTimeout(600_000);

const person = { name: 'Robin', email: 'robin@example.com', password: `journey ${randomBytes(9).toString('hex')}` };

/** What stands in the project before anybody is offline. */
const TRIAGE = `steps:
  start_0a1b:
    name: Start
    uses: trigger.manual
  classify_x4tz:
    name: Classify
    uses: items.set
    config:
      fields:
        prompt: Decide the kind.
  route_b2k8:
    name: Route
    uses: items.set
    config:
      fields:
        kind: bug
  post_p9ad:
    name: Post
    uses: items.set
    config:
      fields:
        channel: triage
edges:
  - start_0a1b -> classify_x4tz
  - classify_x4tz -> route_b2k8
  - route_b2k8 -> post_p9ad
layout:
  start_0a1b: [0, 100]
  classify_x4tz: [240, 100]
  route_b2k8: [480, 100]
  post_p9ad: [720, 100]
`;

test('J5: two machines without a network edit one workflow; nothing is lost, and where they clash both answers wait for a person (needs Chromium)', async ({
  context,
  cloud,
  network,
  machines: { one, two },
}) => {
  const [first, second] = [one.page, two.page];

  await test.step('one machine makes a project and sends it to the workspace', async () => {
    await first.getByRole('button', { name: 'All projects' }).click();
    await first.getByRole('textbox', { name: 'Name of the project' }).fill('Triage');
    await first.getByRole('button', { name: 'Create project' }).click();
    await expect(card(first, 'Start')).toBeVisible();
    const file = fileOf(one);
    const [id = ''] = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, `${id}\nname: Triage\n${TRIAGE}`);
    await expect(card(first, 'Post')).toBeVisible();
    await signUp(context, cloud, person);
    await sendToWorkspace(first);
    await expect(syncWord(first)).toHaveText(/^Synced r\d+$/);
  });

  await test.step('the other signs in, finds it in the workspace and opens it there', async () => {
    await second.getByRole('button', { name: 'All projects' }).click();
    const inWorkspaces = second.getByRole('region', { name: 'In your workspaces' });
    await inWorkspaces.getByRole('button', { name: 'Sign in' }).click();
    const waiting = second.getByRole('dialog', { name: 'Sign in' });
    const address = await waiting.getByRole('textbox', { name: 'No page opened? Copy its address.' }).inputValue();
    await connectDevice(second.context(), address, person);
    await expect(waiting).toBeHidden();
    await inWorkspaces.getByRole('button', { name: /^Triage.*Open here$/ }).click();
    await expect(card(second, 'Post')).toBeVisible();
    await second.getByRole('button', { name: 'Trust this folder' }).click();
    await expect(syncWord(second)).toHaveText(/^Synced r\d+$/);
  });

  await test.step('each sees that the other is here, and at what', async () => {
    await selectStep(first, 'Classify');
    await expect(second.getByRole('list', { name: 'Who is here' }).getByRole('button')).toHaveAccessibleName(
      'Robin is here, in Triage',
    );
    await expect(card(second, 'Classify')).toContainText('Robin');
  });

  await test.step('without a network both go on editing, and say that it is saved here', async () => {
    network.cut();
    await setField(first, 'Classify', 'prompt', 'Decide the kind. If unsure, say question.');
    await setField(first, 'Post', 'channel', 'triage-eu');
    await addStep(first, 'Route', 'filter', 'flow.filter');
    await setField(second, 'Classify', 'prompt', 'Decide the kind and the area.');
    await addStep(second, 'Classify', 'sort', 'items.sort');
    await selectStep(second, 'Post');
    await second.keyboard.press('Delete');
    await expect(syncWord(first)).toHaveText(/^Saved here, \d+ to send$/);
    await expect(syncWord(second)).toHaveText(/^Saved here, \d+ to send$/);
    await syncWord(first).click();
    await expect(first.getByRole('dialog', { name: 'Saved here' })).toContainText('Everything works here meanwhile.');
    await first.keyboard.press('Escape');
  });

  await test.step('they reconnect: what each did alone is on both, and two clashes wait', async () => {
    network.mend();
    for (const page of [second, first]) {
      await expect(syncWord(page)).toHaveText('2 conflicts', { timeout: 60_000 });
      await expect(card(page, 'Filter')).toBeVisible();
      await expect(card(page, 'Sort')).toBeVisible();
      await expect(card(page, 'Classify')).toHaveAccessibleName(/2 answers/);
    }
  });

  const clash = (page: Page, name: string) =>
    page
      .getByRole('complementary', { name: 'Details' })
      .getByRole('article', { name: new RegExp(`^${name}.*(answers|delete)$`) });
  await test.step('both answers are shown beside the canvas, on both machines', async () => {
    await syncWord(second).click();
    await second.getByRole('dialog').getByRole('button', { name: 'Look at both answers' }).click();
    await first.getByRole('button', { name: /^Changes/ }).click();
    for (const page of [second, first]) {
      // Whoever came back first is the first; both answers are there either way.
      const prompt = clash(page, 'Classify, ');
      const answers = prompt.getByRole('figure', { name: /^Came (first, in the project now|later)$/ });
      await expect(answers).toHaveCount(2);
      await expect(answers.filter({ hasText: 'If unsure, say question.' })).toHaveCount(1);
      await expect(answers.filter({ hasText: 'and the area' })).toHaveCount(1);
      await expect(prompt).toContainText('Before:Decide the kind.');
      const post = clash(page, 'Post');
      await expect(post).toContainText('triage-eu');
      await expect(post).toContainText('Deleted');
    }
    await expectFitsAnywhere(second, 0);
  });

  await test.step('publishing waits for the answers', async () => {
    await second.getByRole('banner').getByRole('button', { name: 'Publish' }).click();
    const dialog = second.getByRole('dialog', { name: /^Publish / });
    await expect(dialog).toContainText('2 conflicts wait for an answer');
    await expect(dialog.getByRole('button', { name: /^Publish v1/ })).toHaveAttribute('aria-disabled', 'true');
    await dialog.getByRole('button', { name: 'Look at both answers' }).click();
    await expect(dialog).toBeHidden();
  });

  await test.step('an answer that is being written survives news from the other machine', async () => {
    await clash(second, 'Classify, ').getByRole('button', { name: 'Edit' }).click();
    const answer = clash(second, 'Classify, ').getByRole('textbox', { name: 'Your answer' });
    await answer.fill('Decide the kind and the area. If unsure, say question.');
    await setField(first, 'Route', 'kind', 'bug or idea');
    await expect.poll(() => textOf(two)).toContain('bug or idea');
    await expect(answer).toHaveValue('Decide the kind and the area. If unsure, say question.');
    await clash(second, 'Classify, ').getByRole('button', { name: 'Use this answer' }).click();
    for (const page of [second, first]) await expect(syncWord(page)).toHaveText('1 conflict', { timeout: 60_000 });
  });

  await test.step('the last is answered in the browser, by key, and gone from both machines', async () => {
    const web = await context.newPage();
    await web.goto(new URL(`/app/p/${projectOf(one)}`, cloud.url).href);
    await web.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
    await web.getByLabel('Password').fill(person.password);
    await web.getByRole('button', { name: 'Sign in' }).click();
    await expect(card(web, 'Post')).toHaveAccessibleName(/2 answers/);
    await web.getByRole('button', { name: /^Changes/ }).click();
    const kept = clash(web, 'Post').getByRole('figure', { name: /^Came first/ });
    const isFirst = (await kept.innerText()).includes('triage-eu');
    await clash(web, 'Post').focus();
    await web.keyboard.press(isFirst ? 't' : 'm');
    await expect(web.getByText('All are answered. You can publish.')).toBeVisible();
    for (const page of [first, second]) await expect(syncWord(page)).toHaveText(/^Synced r\d+$/, { timeout: 60_000 });
    await expect(web.getByRole('article', { name: 'Post, answered' })).toBeVisible();
    await web.close();
  });

  await test.step('both folders say the same, with everything in it', async () => {
    // Each folder keeps its own order and way of writing; what they say is the same.
    await expect.poll(() => parse(textOf(two))).toEqual(parse(textOf(one)));
    for (const word of [
      'Decide the kind and the area. If unsure, say question.',
      'bug or idea',
      'flow.filter',
      'items.sort',
      'triage-eu',
    ]) {
      await expect.poll(() => textOf(one)).toContain(word);
    }
  });

  await test.step('the history names every revision, shows what one changed, and brings it back', async () => {
    await second.getByRole('button', { name: /^Changes/ }).click();
    const revisions = second.getByRole('list', { name: 'Revisions, newest first' });
    await expect(revisions.getByRole('button').first()).toContainText('Robin');
    await revisions.getByRole('button').last().click();
    await expect(second.getByText('read-only')).toBeVisible();
    const details = second.getByRole('complementary', { name: 'Details' });
    await details.getByRole('radio', { name: 'Since then' }).click();
    await expect(details).toContainText('Filter');
    await expect(card(second, 'Filter')).toHaveAccessibleName(/added$/);
    await expectFitsAnywhere(second, 1);
    await second.getByRole('radio', { name: 'YAML' }).click();
    await expect(second.getByRole('table', { name: /^Lines of/ })).toContainText('flow.filter');
    await expectFitsAnywhere(second, 0);
    await second.getByRole('radio', { name: 'Canvas' }).click();
    await details.getByRole('button', { name: /^Restore r/ }).click();
    await second
      .getByRole('dialog')
      .getByRole('button', { name: /^Restore r/ })
      .click();
    for (const page of [first, second]) await expect(card(page, 'Filter')).toHaveCount(0, { timeout: 60_000 });
    await expect(revisions.getByRole('button').first()).toContainText('Restored revision 1');
  });

  await test.step('a duplicate, made by key, is a project of its own in no workspace', async () => {
    await second.getByRole('button', { name: 'All projects' }).click();
    await expect(second.getByText(/^All projects of .* are on this computer\.$/)).toBeVisible();
    await expectFitsAnywhere(second, 1);
    await second
      .getByRole('list', { name: 'Your projects' })
      .getByRole('button', { name: /^Triage/ })
      .press('Shift+F10');
    await second.getByRole('menuitem', { name: 'Duplicate' }).press('Enter');
    const name = second.getByRole('dialog', { name: 'Duplicate Triage' }).getByRole('textbox', { name: 'Name' });
    await expect(name).toHaveValue('Triage copy');
    await name.press('Enter');
    await expect(second.getByRole('banner')).toContainText('Triage copy');
    await expect(card(second, 'Post')).toBeVisible();
    await expect(syncWord(second)).toHaveText('Saved here');
  });
});

const DESK = { width: 1280, height: 720 };

/** What stands beside the canvas on a desk takes its place in a narrow window. */
async function expectFitsAnywhere(page: Page, turn: number): Promise<void> {
  await expectFits(page, turn, { tabs: false });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(DESK);
}

const fileOf = (machine: Machine) => join(machine.projectsDir, 'triage', 'workflows', 'main.yaml');
const projectOf = (machine: Machine) =>
  /^id: (\S+)$/m.exec(readFileSync(join(machine.projectsDir, 'triage', 'sluice.yaml'), 'utf8'))?.[1];
const textOf = (machine: Machine) => readFileSync(fileOf(machine), 'utf8');

/** The word in the status bar on where the project stands. */
const syncWord = (page: Page) =>
  page.getByRole('contentinfo').getByRole('button', { name: /Why, and what happens next$/ });

async function sendToWorkspace(page: Page): Promise<void> {
  await signInToPublish(page, person);
  const dialog = page.getByRole('dialog', { name: /^Publish / });
  await dialog.getByRole('button', { name: 'Send it there' }).click();
  await expect(dialog.getByRole('combobox', { name: 'Environment' })).toBeVisible({ timeout: 60_000 });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
}

async function setField(page: Page, step: string, field: string, value: string): Promise<void> {
  await page.getByRole('button', { name: 'Workflows', exact: true }).click();
  await selectStep(page, step);
  await page.getByRole('complementary', { name: 'Inspector' }).getByRole('combobox', { name: field }).fill(value);
  await page.keyboard.press('Escape');
}

/** Puts a step between a step and the one after it. */
async function addStep(page: Page, after: string, typed: string, type: string): Promise<void> {
  await page.keyboard.press('Escape');
  await selectStep(page, after);
  await page.keyboard.press('n');
  await chooseType(page, typed, type);
}
