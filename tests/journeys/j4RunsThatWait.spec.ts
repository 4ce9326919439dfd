import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Locator, Page } from '@playwright/test';
import { card, expectState, run } from './canvas.ts';
import { test as base, type Desk, expect } from './desk.ts';

/** A ledger somewhere outside that refuses as long as it is told to, and counts what it is asked. */
type Ledger = { url: string; refuses: boolean; asked: string[] };

const test = base.extend<{ ledger: Ledger }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern which fixtures are needed.
  ledger: async ({}, use) => {
    const ledger: Ledger = { url: '', refuses: false, asked: [] };
    const server = createServer((request, response) => {
      ledger.asked.push(request.url ?? '');
      response.writeHead(ledger.refuses ? 422 : 200, { 'content-type': 'application/json' });
      response.end(ledger.refuses ? '{"error":"closed"}' : '{"booked":true}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ledger.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await use(ledger);
    server.closeAllConnections();
    server.close();
  },
});

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');

const FILE = 'orders/workflows/main.yaml';

/** A refund that somebody has to approve before it is booked outside. */
const refund = (ledgerUrl: string) => `name: Refund
steps:
  start_0a1b: { name: Start, uses: trigger.manual, config: { items: [{ order: A7, amount: 120 }] } }
  ask_k3f9:
    name: Ask the team
    uses: flow.approval
    config:
      message: Refund {{ $json.amount }} for order {{ $json.order }}?
      assignees: finance@example.com
      fields: [{ name: reason, title: Reason, required: true }]
  note_m4q8: { name: Note it, uses: items.set, config: { fields: { reason: =$json.approval.fields.reason } } }
  book_p2x7: { name: Book it, uses: http.request, config: { method: GET, url: "${ledgerUrl}/book" } }
edges:
  - start_0a1b -> ask_k3f9
  - ask_k3f9.approved -> note_m4q8
  - note_m4q8 -> book_p2x7
layout: { start_0a1b: [0, 100], ask_k3f9: [240, 100], note_m4q8: [480, 100], book_p2x7: [720, 100] }
`;

test('J4: a run waits for a person, is approved by keyboard, and one that failed goes on from its failed step (needs Chromium)', async ({
  desk,
  editor: page,
  ledger,
}) => {
  const table = page.getByRole('table');
  const detail = page.getByRole('complementary', { name: 'Run' });
  const approval = detail.getByRole('region', { name: 'Ask the team: Waits for approval' });
  await newProject(page, desk, ledger);

  await test.step('the canvas says that the run waits, and leads to what is asked', async () => {
    await run(page);
    await expectState(page, 'Ask the team', 'Waiting, Approval');
    await page.getByRole('button', { name: 'Decide' }).press('Enter');
    const data = page.getByRole('region', { name: 'Data and log' });
    await expect(data).toContainText('Refund 120 for order A7?');
    await data.getByRole('radio', { name: 'Input 1' }).click();
    await expect(data.getByRole('cell', { name: 'A7' })).toBeVisible();
  });

  await test.step('the list of runs says why, and Enter opens the run beside it', async () => {
    await page.getByRole('button', { name: 'Runs', exact: true }).press('Enter');
    const row = table.getByRole('row', { name: /Refund.*Waiting.*Approval/ });
    await row.focus();
    await page.keyboard.press('Enter');
    await expect(detail.getByRole('heading', { name: 'Refund' })).toBeFocused();
    await expect(approval).toContainText('Refund 120 for order A7?');
    await expect(approval).toContainText('finance@example.com');
  });

  await test.step('what is asked for is asked for before it is approved', async () => {
    await tabTo(page, approval.getByRole('textbox', { name: 'Comment' }));
    await page.keyboard.type('Goods are back.');
    await page.keyboard.press('Control+Enter');
    await expect(approval.getByRole('textbox', { name: 'Reason' })).toHaveAccessibleDescription('This is asked for.');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.type('returned');
    await page.keyboard.press('Control+Enter');
    await expect(detail.getByRole('heading', { name: /Refund.*Succeeded/ })).toBeFocused();
    await expect(approval).toBeHidden();
    await expect(detail).toContainText('Approved by you: “Goods are back.”');
    expect(ledger.asked).toHaveLength(1);
  });

  await test.step('one fails after its approval', async () => {
    ledger.refuses = true;
    await startAndApprove(page);
    await expect(table.getByRole('row', { name: /Refund.*Failed.*refused/ })).toBeVisible();
    await table.getByRole('row', { name: /Refund.*Failed/ }).click();
    await expect(detail.getByRole('alert')).toContainText('Book it');
  });

  await test.step('retried from its failed step it takes over what came before, and nobody is asked again', async () => {
    ledger.refuses = false;
    ledger.asked.length = 0;
    await detail.getByRole('button', { name: 'Retry from failed step' }).click();
    await expect(detail.getByRole('heading', { name: /Refund.*Succeeded/ })).toBeVisible();
    const steps = detail.getByRole('list', { name: 'Steps' });
    for (const name of ['Ask the team', 'Note it']) {
      await expect(steps.getByRole('listitem').filter({ hasText: name })).toContainText('From an earlier run');
    }
    await expect(steps.getByRole('listitem').filter({ hasText: 'Book it' })).not.toContainText('From an earlier run');
    expect(ledger.asked).toHaveLength(1);
    await detail.getByRole('button', { name: 'Show on the canvas' }).click();
    await expectState(page, 'Note it', 'Succeeded, 1 item, earlier run');
    await page.getByRole('button', { name: 'Back to editing' }).click();
  });

  await test.step('each of the two leads to the other', async () => {
    await page.getByRole('button', { name: 'Runs', exact: true }).click();
    await detail.getByRole('button', { name: /^Run of/ }).click();
    await expect(detail).toContainText('Retried as');
    await expect(detail.getByRole('heading', { name: /Refund.*Failed/ })).toBeVisible();
    await detail.getByRole('button', { name: /^Run of/ }).click();
    await expect(detail).toContainText('Retry of');
  });

  await test.step('several are picked and retried by keyboard, and each says what became of it', async () => {
    await page.keyboard.press('Escape');
    await expect(detail).toBeHidden();
    await table
      .getByRole('row', { name: /Refund.*Succeeded/ })
      .first()
      .focus();
    await page.keyboard.press('Shift+J');
    await expect(page.getByText('2 picked')).toBeVisible();
    await page.keyboard.press('r');
    const results = page.getByRole('region', { name: 'Retried runs' });
    await expect(results.getByRole('heading')).toHaveText('1 of 2 runs are done again');
    await expect(results.getByRole('listitem').first()).toContainText('The run succeeded');
    await results.getByRole('button', { name: /^Run of/ }).click();
    await expect(detail.getByRole('heading', { name: /Refund.*Succeeded/ })).toBeVisible();
  });
});

async function newProject(page: Page, desk: Desk, ledger: Ledger): Promise<void> {
  await page.getByRole('button', { name: 'All projects' }).click();
  await page.getByRole('textbox', { name: 'Name of the project' }).fill('Orders');
  await page.getByRole('button', { name: 'Create project' }).click();
  await expect(page.getByRole('banner')).toContainText('Orders');
  const [id = ''] = desk.read(FILE).split('\n');
  desk.write(FILE, `${id}\n${refund(ledger.url)}`);
  await expect(card(page, 'Ask the team')).toBeVisible();
}

/** From the runs screen: starts the workflow and approves it there, with what has to be filled in. */
async function startAndApprove(page: Page): Promise<void> {
  await run(page);
  const row = page.getByRole('row', { name: /Refund.*Waiting.*Approval/ });
  await row.click();
  const detail = page.getByRole('complementary', { name: 'Run' });
  await detail.getByRole('textbox', { name: 'Reason' }).fill('returned');
  await detail.getByRole('button', { name: 'Approve' }).click();
  await expect(row).toBeHidden();
}

/** Presses Tab until the focus is there. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let presses = 0; presses < 20; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  await expect(target).toBeFocused();
}
