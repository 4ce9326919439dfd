import type { Page } from '@playwright/test';
import { parse } from 'yaml';
import { card, chooseType, dragFromPort, edgeCount, expectState, openStep, restingBox, run } from './canvas.ts';
import { type Desk, expect, test } from './desk.ts';

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');

const FILE = 'orders/workflows/main.yaml';
const ORDERS = '[{ "id": 1, "amount": 40 }, { "id": 2, "amount": 250 }]';

type WorkflowFile = {
  steps: Record<string, { name: string; uses: string; config?: Record<string, unknown> }>;
  edges: string[];
  layout: Record<string, [number, number]>;
};
const fileOf = (desk: Desk) => parse(desk.read(FILE)) as WorkflowFile;
const inspectorOf = (page: Page) => page.getByRole('complementary', { name: 'Inspector' });

/** A project from nothing: one workflow with a start that gives two orders. */
async function newProject(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'All projects' }).click();
  await page.getByRole('textbox', { name: 'Name of the project' }).fill('Orders');
  await page.getByRole('button', { name: 'Create project' }).click();
  await expect(page.getByRole('banner')).toContainText('Orders');
  await card(page, 'Start').click();
  await inspectorOf(page).getByLabel('Sample items').fill(ORDERS);
}

test('J2: a workflow is drawn by dragging from ports, with live results, pinned data and one step at a time (needs Chromium)', async ({
  desk,
  editor: page,
}) => {
  const inspector = inspectorOf(page);
  await newProject(page);
  await run(page);
  await expectState(page, 'Start', 'Succeeded, 2 items');

  await test.step('an edge dropped on empty space asks for the step that follows', async () => {
    await dragFromPort(page, 'Start', 'main', [160, 0]);
    await chooseType(page, 'set', 'items.set');
    await expect(card(page, 'Set fields')).toBeVisible();
    await expect(inspector.getByRole('textbox', { name: 'Step name' })).toHaveValue('Set fields');
  });

  await test.step('an expression shows its value for a real item while it is typed', async () => {
    await inspector.getByRole('button', { name: 'Add field' }).click();
    await inspector.getByRole('textbox', { name: 'Fields, name 1' }).fill('total');
    const total = inspector.getByRole('combobox', { name: 'total' });
    await total.pressSequentially('=$json.am');
    await expect(inspector.getByRole('listbox', { name: 'Completions' })).toContainText('amount');
    await total.press('Tab');
    await total.pressSequentially(' * 2');
    await expect(inspector).toContainText('Item 1 of 2');
    await expect(inspector).toContainText('80');
    await total.press('Alt+ArrowDown');
    await expect(inspector).toContainText('500');
    await total.blur();
    await expect(inspector).toContainText('500');
  });

  await test.step('a step further, an if with a condition', async () => {
    await run(page);
    await expectState(page, 'Set fields', 'Succeeded, 2 items');
    await dragFromPort(page, 'Set fields', 'main', [160, 0]);
    await chooseType(page, 'if', 'flow.if');
    const condition = inspector.getByRole('combobox', { name: 'Condition' });
    await condition.fill('$json.total > 100');
    await expect(inspector).toContainText('false');
    await condition.press('Alt+ArrowDown');
    await expect(inspector).toContainText('true');
    await condition.blur();
  });

  await test.step('one step runs alone, on what the steps before it gave', async () => {
    await openStep(page, 'If');
    const view = page.getByRole('main', { name: 'Step If' });
    await view.getByRole('button', { name: 'Run step' }).click();
    const output = view.getByRole('region', { name: 'Output' });
    await expect(output.getByRole('radio', { name: 'true' })).toBeVisible();
    await output.getByRole('radio', { name: 'true' }).click();
    await output.getByRole('radio', { name: 'JSON' }).click();
    await expect(output).toContainText('"total": 500');
    await view.getByRole('button', { name: 'Back to the canvas' }).click();
    await expectState(page, 'If', 'Succeeded, 2 items');
  });

  await test.step('a pinned output is given again without doing the work', async () => {
    await card(page, 'Set fields').click();
    await page.getByRole('application', { name: 'Canvas' }).press('p');
    await expectState(page, 'Set fields', 'Pinned');
    await card(page, 'Start').click();
    await inspector.getByLabel('Sample items').fill('[{ "id": 3, "amount": 1 }]');
    await run(page);
    await expectState(page, 'Start', 'Succeeded, 1 item');
    await expect(edgeCount(page, 2, 'Set fields', 'If')).toBeVisible();
  });

  await test.step('undo and redo, fields too', async () => {
    await card(page, 'Start').click();
    const sample = inspector.getByLabel('Sample items');
    await page.getByRole('application', { name: 'Canvas' }).press('Control+z');
    await expect(sample).toHaveValue(/250/);
    await page.getByRole('application', { name: 'Canvas' }).press('Control+Shift+z');
    await expect(sample).not.toHaveValue(/250/);
    await page.getByRole('application', { name: 'Canvas' }).press('Control+z');
  });

  await test.step('tidying up puts the cards in a row', async () => {
    const box = await restingBox(page, card(page, 'If'));
    await page.mouse.move(box.x + 80, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + 40, box.y + 230, { steps: 8 });
    await page.mouse.up();
    const rows = () => new Set(Object.values(fileOf(desk).layout).map(([, y]) => y)).size;
    await expect.poll(rows).toBeGreaterThan(1);
    await page.getByRole('button', { name: 'Tidy up' }).click();
    await expect.poll(rows).toBe(1);
  });

  await test.step('the file says what the canvas shows', async () => {
    const { steps, edges, layout } = fileOf(desk);
    const ids = Object.keys(steps);
    expect(Object.values(steps)).toEqual([
      { name: 'Start', uses: 'trigger.manual', config: { items: JSON.parse(ORDERS) } },
      { name: 'Set fields', uses: 'items.set', config: { fields: { total: '=$json.amount * 2' } } },
      { name: 'If', uses: 'flow.if', config: { when: '=$json.total > 100' } },
    ]);
    expect(edges).toEqual([`${ids[0]} -> ${ids[1]}`, `${ids[1]} -> ${ids[2]}`]);
    expect(Object.keys(layout)).toEqual(ids);
  });

  await test.step('a connection is tried from here before it is kept, and what was said holds for what was tried', async () => {
    await page.getByRole('navigation', { name: 'Areas' }).getByRole('button', { name: 'Connections' }).click();
    await page.getByRole('button', { name: 'New connection' }).click();
    const form = page.getByRole('dialog', { name: 'New connection' });
    await form.getByRole('textbox', { name: 'Name', exact: true }).fill('own-page');
    const { host, origin } = new URL(page.url());
    const hosts = form.getByRole('textbox', { name: 'Allowed hosts' });
    await hosts.fill('api.tracker.example');
    await form.getByRole('textbox', { name: 'Address to try' }).fill(origin);
    await form.getByRole('button', { name: 'Try it' }).click();
    await expect(form.getByRole('alert')).toContainText(`may not be used for ${host}`);
    await hosts.fill(host);
    await expect(form.getByRole('alert')).toBeHidden();
    await form.getByRole('button', { name: 'Try it' }).click();
    await expect(form.getByRole('note')).toContainText('It works.');
    await form.getByRole('button', { name: 'Create connection' }).click();
    await expect(page.getByRole('row', { name: /own-page/ })).toContainText('Set');
  });
});

test('J2: the YAML beside the canvas is the same workflow, both ways (needs Chromium)', async ({
  desk,
  editor: page,
}) => {
  await newProject(page);
  await page.getByRole('radio', { name: 'Split' }).click();
  await page.getByRole('button', { name: 'Fit' }).click();
  const yaml = page.getByRole('region', { name: 'YAML' });
  await expect(yaml).toContainText('uses: trigger.manual');

  await test.step('what is drawn stands in the text', async () => {
    await dragFromPort(page, 'Start', 'main', [40, 160]);
    await chooseType(page, 'limit', 'items.limit');
    await expect(yaml).toContainText('uses: items.limit');
  });

  await test.step('what is typed stands on the canvas', async () => {
    await replaceLine(page, desk, /^ {4}name: Limit$/, '    name: At most one');
    await expect(card(page, 'At most one')).toBeVisible();
    await expect.poll(() => desk.read(FILE)).toContain('name: At most one');
  });

  await test.step('a broken text keeps the canvas and the file, and names the line', async () => {
    const before = desk.read(FILE);
    const at = await replaceLine(page, desk, /^ {4}name: At most one$/, '   name: At most one');
    await expect(yaml.getByText(new RegExp(`^Line ${at}:`))).toBeVisible();
    await expect(card(page, 'At most one')).toBeVisible();
    expect(desk.read(FILE)).toBe(before);
    await replaceLine(page, desk, /^ {4}name: At most one$/, '    name: At most two');
    await expect(card(page, 'At most two')).toBeVisible();
    await expect(yaml.getByText(/^Line \d+:/)).toBeHidden();
  });

  await test.step('an editor elsewhere counts as well', async () => {
    desk.write(FILE, desk.read(FILE).replace('name: At most two', 'name: From outside'));
    await expect(card(page, 'From outside')).toBeVisible();
    await expect(yaml).toContainText('name: From outside');
  });
});

test('J2: a step is added, renamed, deleted and brought back with keys alone (needs Chromium)', async ({
  desk,
  editor: page,
}) => {
  const file = 'hello/workflows/hello.yaml';
  const before = desk.read(file);
  await expect(card(page, 'Greet each guest')).toBeVisible();
  for (let steps = 0; steps < 3; steps++) await page.keyboard.press('ArrowRight');
  await expect(inspectorOf(page).getByRole('textbox', { name: 'Step name' })).toHaveValue('Greet each guest');

  await page.keyboard.press('n');
  await expect(page.getByRole('combobox', { name: 'Search step types' })).toBeFocused();
  await page.keyboard.type('limit');
  await page.keyboard.press('Enter');
  await expect(card(page, 'Limit')).toBeVisible();

  await page.keyboard.press('F2');
  const name = page.getByRole('dialog', { name: 'Rename the step' }).getByRole('textbox', { name: 'Name' });
  await expect(name).toBeFocused();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('The first');
  await page.keyboard.press('Enter');
  await expect(card(page, 'The first')).toBeVisible();

  // Exactly the step, its edge and its place came in; every line that was there, comments too, is as it was.
  await expect
    .poll(() => linesAdded(before, desk.read(file)))
    .toEqual([
      expect.stringMatching(/^ {2}limit_\w{4}:$/),
      '    uses: items.limit',
      '    name: The first',
      expect.stringMatching(/^ {2}- greet_c4r7 -> limit_\w{4}$/),
      expect.stringMatching(/^ {2}limit_\w{4}: \[760, 0\]$/),
    ]);
  const added = desk.read(file);

  await page.keyboard.press('Delete');
  await expect(card(page, 'The first')).toBeHidden();
  await expect.poll(() => desk.read(file)).toBe(before);

  await page.keyboard.press('Control+z');
  await expect(card(page, 'The first')).toBeVisible();
  await expect.poll(() => desk.read(file)).toBe(added);

  // Whoever reads the steps in words goes along with the arrows, and is back there after a dialog.
  const rows = page.getByRole('tree', { name: /^Steps of/ }).getByRole('treeitem');
  await rows.first().focus();
  await page.keyboard.press('ArrowRight');
  await expect(rows.nth(1)).toBeFocused();
  await page.keyboard.press('n');
  await expect(page.getByRole('combobox', { name: 'Search step types' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(rows.nth(1)).toBeFocused();
});

test('J2: nothing scrolls sideways, light or dark, wide or narrow (needs Chromium)', async ({ editor: page }, info) => {
  await run(page);
  await expectState(page, 'Greet each guest', 'Succeeded');
  await card(page, 'Greet each guest').click();
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await expect(page.locator('html')).toHaveAttribute('data-theme', scheme);
    for (const width of [1440, 1100, 800]) {
      await page.setViewportSize({ width, height: 900 });
      await expectNoSidewaysScroll(page);
      await page.screenshot({ path: info.outputPath(`editor-${scheme}-${width}.png`) });
      await inspectorOf(page).getByRole('button', { name: 'Open the step' }).click();
      await expect(page.getByRole('main', { name: 'Step Greet each guest' })).toBeVisible();
      await expectNoSidewaysScroll(page);
      await page.screenshot({ path: info.outputPath(`step-${scheme}-${width}.png`) });
      await page.getByRole('button', { name: 'Back to the canvas' }).click();
    }
  }
});

async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const beyond = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await expect.poll(beyond).toBeLessThanOrEqual(0);
}

/** Types over the one line of the YAML that fits. Gives its number. */
async function replaceLine(page: Page, desk: Desk, line: RegExp, text: string): Promise<number> {
  const lineOf = () =>
    desk
      .read(FILE)
      .split('\n')
      .findIndex((one) => line.test(one)) + 1;
  await expect.poll(lineOf).toBeGreaterThan(0);
  const at = lineOf();
  const editor = page.getByRole('textbox', { name: 'YAML of the workflow' });
  await editor.focus();
  await page.keyboard.press('Control+Home');
  for (let down = 1; down < at; down++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('End');
  // Twice: the first goes to the text of the line, the second to its very start.
  await page.keyboard.press('Shift+Home');
  await page.keyboard.press('Shift+Home');
  await page.keyboard.insertText(text);
  return at;
}

/** The lines that were added to a text; undefined where one of its own is missing or stands elsewhere now. */
function linesAdded(before: string, after: string): string[] | undefined {
  const own = before.split('\n');
  const added: string[] = [];
  for (const line of after.split('\n')) {
    if (line === own[0]) own.shift();
    else added.push(line);
  }
  return own.length === 0 ? added : undefined;
}
