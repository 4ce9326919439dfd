import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { card, chooseType, dragFromPort, expectState, openStep, run } from './canvas.ts';
import { expect, signInToPublish, signUp, test } from './cloudDesk.ts';
import { TRIAGE } from './triage.ts';
import { carryFolder, test as onTwoDesks } from './twoDesks.ts';

/** The pictures of docs/screens, taken of the real thing: `SLUICE_SCREENS=1 npm run journeys`. */
const folder = fileURLToPath(new URL('../../docs/screens/', import.meta.url));
const person = { name: 'Sample person', email: 'sample@example.com', password: randomBytes(12).toString('hex') };

/** A workflow with two ways through it, as somebody would write it in a text editor. */
const ORDERS = `steps:
  start_0a1b:
    name: Start
    uses: trigger.manual
  orders_k3f9:
    name: Today's orders
    uses: code.javascript
    mode: once
    config:
      code: |
        const goods = ['Lamp', 'Desk', 'Chair', 'Shelf', 'Clock', 'Rug'];
        return Array.from({ length: 24 }, (_, i) => ({
          json: { order: 1001 + i, goods: goods[i % 6], pieces: 1 + (i % 4), price: 19 + ((i * 37) % 180) },
        }));
  total_m4q8:
    name: Work out the total
    uses: items.set
    config:
      fields:
        total: =$json.pieces * $json.price
        label: "{{ $json.pieces }} × {{ $json.goods }}"
  large_p2x7:
    name: Large order?
    uses: flow.if
    config: { when: =$json.total > 300 }
  check_d5h1:
    name: Have it checked
    uses: items.set
    config: { fields: { state: to be checked } }
  accept_w9t6:
    name: Accept
    uses: items.set
    config: { fields: { state: accepted } }
  all_r7c3:
    name: All of them
    uses: flow.merge
edges:
  - start_0a1b -> orders_k3f9
  - orders_k3f9 -> total_m4q8
  - total_m4q8 -> large_p2x7
  - large_p2x7.true -> check_d5h1
  - large_p2x7.false -> accept_w9t6
  - check_d5h1 -> all_r7c3.a
  - accept_w9t6 -> all_r7c3.b
layout:
  start_0a1b: [0, 100]
  orders_k3f9: [240, 100]
  total_m4q8: [480, 100]
  large_p2x7: [720, 100]
  check_d5h1: [980, 20]
  accept_w9t6: [980, 180]
  all_r7c3: [1240, 100]
`;

test.setTimeout(240_000);
test.beforeAll(() => {
  mkdirSync(folder, { recursive: true });
});

test('pictures of the editor', async ({ desk, editor: page }) => {
  await page.getByRole('button', { name: 'All projects' }).click();
  await shoot(page, 'start');
  await newProject(page, 'Orders');
  const file = 'orders/workflows/main.yaml';
  const [id = ''] = desk.read(file).split('\n');
  desk.write(file, `${id}\nname: Orders of the day\n${ORDERS}`);
  await expect(card(page, 'All of them')).toBeVisible();
  await run(page);
  await expectState(page, 'All of them', 'Succeeded, 24 items');
  await page.keyboard.press('Control+b');
  await card(page, 'Work out the total').click();
  await page.keyboard.press('Control+j');
  await expect(page.getByRole('region', { name: 'Data and log' })).toContainText('Lamp');
  await fitDrawing(page);
  await shoot(page, 'editor-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, 'editor-dark');
  await page.emulateMedia({ colorScheme: 'light' });

  await openStep(page, 'Work out the total');
  await page.getByRole('combobox', { name: 'total' }).click();
  await shoot(page, 'step');
});

test('pictures of a workflow that is built by hand, run and published', async ({ context, cloud, editor: page }) => {
  const inspector = page.getByRole('complementary', { name: 'Inspector' });
  await newProject(page, 'Prices');
  await card(page, 'Start').click();
  await page.keyboard.press('Delete');
  await page.keyboard.press('n');
  await chooseType(page, 'webhook', 'trigger.webhook');
  await inspector.getByLabel('Path').fill('price');
  await inspector.getByLabel('Answer').click();
  await page.getByRole('option', { name: 'respond' }).click();
  await dragFromPort(page, 'Webhook', 'main', [90, 0]);
  await page.getByRole('combobox', { name: 'Search step types' }).fill('set');
  await shoot(page, 'walk-1-search');
  await chooseType(page, 'set', 'items.set');
  await inspector.getByRole('button', { name: 'Add field' }).click();
  await inspector.getByRole('textbox', { name: 'Fields, name 1' }).fill('total');
  await inspector.getByRole('combobox', { name: 'total' }).pressSequentially('=($json.body?.amount ?? 0) * 2');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await fitDrawing(page);
  await dragFromPort(page, 'Set fields', 'main', [90, 0]);
  await chooseType(page, 'respond', 'flow.respond');
  await inspector.getByLabel('Body').pressSequentially('={ total: $json.total }');
  await page.getByRole('button', { name: 'Tidy up' }).click();
  await page.waitForTimeout(MOVES_MS);
  await run(page);
  await expectState(page, 'Respond', 'Succeeded');
  await card(page, 'Set fields').click();
  await shoot(page, 'walk-2-run');

  await signUp(context, cloud, person);
  await signInToPublish(page, person);
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Send it there' }).click();
  await expect(dialog.getByRole('button', { name: 'Publish v1 to production' })).toBeEnabled();
  await shoot(page, 'publish');
  await dialog.getByRole('button', { name: 'Publish v1 to production' }).click();
  const live = page.getByRole('dialog', { name: 'v1 is live in production' });
  await expect(live).toBeVisible({ timeout: 60_000 });
  await shoot(page, 'walk-3-live');
  const hook = await live.getByText(/^https?:\/\//).innerText();
  await live.getByRole('button', { name: 'Done' }).click();

  for (let amount = 1; amount <= 12; amount++) await post(hook, { amount });
  await page.getByRole('button', { name: 'Runs', exact: true }).click();
  await page.getByRole('radio', { name: 'Hosted' }).click();
  const rows = page.getByRole('row', { name: /Succeeded.*Webhook/ });
  await expect(rows).toHaveCount(12);
  await rows.nth(3).click();
  await expect(page.getByRole('complementary', { name: 'Run' })).toContainText('Respond');
  await shoot(page, 'runs');
});

onTwoDesks('pictures of two computers that clash', async ({ context, cloud, network, machines: { one, two } }) => {
  const pages = [one.page, two.page] as const;
  const [first, second] = pages;
  for (const page of pages) await page.setViewportSize({ width: 1440, height: 900 });
  await newProject(first, 'Triage');
  await expect(card(first, 'Start')).toBeVisible();
  const file = join(one.projectsDir, 'triage', 'workflows', 'main.yaml');
  const [id = ''] = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, `${id}\nname: Issue triage\n${TRIAGE}`);
  await expect(card(first, 'Post to chat')).toBeVisible();
  await signUp(context, cloud, person);
  await sendToWorkspace(first);
  await second.getByRole('button', { name: 'All projects' }).click();
  await second.getByRole('textbox', { name: 'Path of the folder' }).fill(carryFolder(one, two, 'triage'));
  await second.getByRole('button', { name: 'Open', exact: true }).click();
  await second.getByRole('button', { name: 'Trust this folder' }).click();
  await sendToWorkspace(second);

  network.cut();
  await setField(first, 'Classify', 'prompt', 'Decide the kind. If unsure, say question.');
  await setField(first, 'Post to chat', 'channel', 'triage-eu');
  await setField(second, 'Classify', 'prompt', 'Decide the kind and the area.');
  await setField(second, 'Label bug', 'label', 'bug, confirmed');
  await second.keyboard.press('Escape');
  await card(second, 'Label idea').click();
  await second.keyboard.press('n');
  await chooseType(second, 'duplicates', 'items.removeDuplicates');
  await second.keyboard.press('Escape');
  await card(second, 'Post to chat').click();
  await second.keyboard.press('Delete');
  network.mend();
  for (const page of pages) {
    await expect(page.getByRole('contentinfo')).toContainText('2 conflicts', { timeout: 60_000 });
  }
  await card(first, 'Is it a bug?').click();
  await second.getByRole('button', { name: /^Changes/ }).click();
  const changes = second.getByRole('complementary', { name: 'Changes' });
  await changes.getByRole('button', { name: /^Classify, fields.prompt/ }).click();
  await fitDrawing(second);
  await shoot(second, 'conflicts');

  const details = second.getByRole('complementary', { name: 'Details' });
  const decide = (name: RegExp, choice: string) =>
    details.getByRole('article', { name }).getByRole('button', { name: choice }).click();
  await decide(/^Classify/, 'Use the later');
  await decide(/^Post/, 'Keep the first');
  await expect(details).toContainText('All are answered.');
  await changes
    .getByRole('list', { name: /^Revisions/ })
    .getByRole('button')
    .last()
    .click();
  await details.getByRole('radio', { name: 'Since then' }).click();
  await expect(second.getByText('r1 → Now')).toBeVisible();
  await fitDrawing(second);
  await shoot(second, 'history');
  await second.emulateMedia({ colorScheme: 'dark' });
  await second.getByRole('radio', { name: 'YAML' }).click();
  await expect(second.getByRole('table', { name: /^Lines of/ })).toBeVisible();
  await shoot(second, 'compare');
});

async function sendToWorkspace(page: Page): Promise<void> {
  await signInToPublish(page, person);
  const dialog = page.getByRole('dialog', { name: /^Publish / });
  await dialog.getByRole('button', { name: 'Send it there' }).click();
  await expect(dialog.getByRole('combobox', { name: 'Environment' })).toBeVisible({ timeout: 60_000 });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
}

async function setField(page: Page, step: string, field: string, value: string): Promise<void> {
  await card(page, step).click();
  await page.getByRole('complementary', { name: 'Inspector' }).getByRole('combobox', { name: field }).fill(value);
  await page.keyboard.press('Escape');
}

async function newProject(page: Page, name: string): Promise<void> {
  if (!(await page.getByRole('textbox', { name: 'Name of the project' }).isVisible())) {
    await page.getByRole('button', { name: 'All projects' }).click();
  }
  await page.getByRole('textbox', { name: 'Name of the project' }).fill(name);
  await page.getByRole('button', { name: 'Create project' }).click();
  await expect(page.getByRole('banner')).toContainText(name);
}

async function post(url: string, body: unknown): Promise<void> {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(reply.status).toBe(200);
}

/** Cards and panels take this long to come to rest. */
const MOVES_MS = 600;

async function fitDrawing(page: Page): Promise<void> {
  await page.waitForTimeout(MOVES_MS);
  await page.getByRole('button', { name: 'Fit' }).click();
  await page.waitForTimeout(MOVES_MS);
}

/** Without what moves or passes: a picture taken again should be the same. */
async function shoot(page: Page, name: string): Promise<void> {
  await page.mouse.move(700, 880);
  await expect(page.locator('[aria-label="Dismiss"]')).toHaveCount(0);
  await page.waitForTimeout(MOVES_MS);
  await page.evaluate(nameTheFolder);
  await page.screenshot({ path: `${folder}${name}.png`, animations: 'disabled', caret: 'hide' });
}

/** Projects lie in a folder of the test; a picture shows them where a person's are. */
function nameTheFolder(): void {
  const named = (text: string) => text.replace(/\S+\/data\/projects/, '~/Sluice');
  for (const input of document.querySelectorAll('input')) input.placeholder = named(input.placeholder);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { nodeValue } = walker.currentNode;
    if (nodeValue?.includes('/data/projects')) walker.currentNode.nodeValue = named(nodeValue);
  }
}
