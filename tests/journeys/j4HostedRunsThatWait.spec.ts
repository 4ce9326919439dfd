import { randomBytes } from 'node:crypto';
import type { Page } from '@playwright/test';
import { card } from './canvas.ts';
import { expect, signInToPublish, signUp, test } from './cloudDesk.ts';
import type { Desk } from './desk.ts';

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');
test.setTimeout(600_000);

const person = { name: 'Journey', email: 'journey@example.com', password: `journey ${randomBytes(9).toString('hex')}` };
const FILE = 'parcels/workflows/main.yaml';

/** A parcel that somebody lets go, and whose courier then calls back. */
const PARCEL = `name: Parcel
steps:
  hook_0a1b: { name: Ordered, uses: trigger.webhook, config: { path: parcel } }
  ask_k3f9: { name: Let it go, uses: flow.approval, config: { message: "Send the parcel of {{ $json.body.order }}?", assignees: owner } }
  wait_m4q8: { name: Courier, uses: flow.waitFor, config: { message: "Reply at {{ $run.resumeUrl }}" } }
  note_p2x7: { name: Note it, uses: items.set, config: { fields: { at: =$json.body.at } } }
edges:
  - hook_0a1b -> ask_k3f9
  - ask_k3f9.approved -> wait_m4q8
  - wait_m4q8 -> note_p2x7
layout: { hook_0a1b: [0, 100], ask_k3f9: [240, 100], wait_m4q8: [480, 100], note_p2x7: [720, 100] }
`;

test('J4: a hosted run is approved from the desktop, answered at its address, and retried (needs Chromium)', async ({
  context,
  cloud,
  desk,
  editor: page,
}) => {
  await newProject(page, desk);
  await signUp(context, cloud, person);
  await signInToPublish(page, person);
  const hook = await publish(page);
  const rows = page.getByRole('table');
  const detail = page.getByRole('complementary', { name: 'Run' });

  await test.step('its run waits, and says for whom', async () => {
    const reply = await fetch(hook, { method: 'POST', headers: JSON_TYPE, body: '{"order":"A7"}' });
    expect(reply.status).toBe(202);
    await page.getByRole('button', { name: 'Runs', exact: true }).click();
    await page.getByRole('radio', { name: 'Hosted' }).click();
    await rows.getByRole('row', { name: /Parcel.*Waiting.*Approval/ }).click();
    await expect(detail).toContainText('Send the parcel of A7?');
    await expect(detail).toContainText('Nobody else may decide.');
  });

  await test.step('approved, it waits for a reply at an address that is there to be copied', async () => {
    await detail.getByRole('textbox', { name: 'Comment' }).fill('Packed.');
    await detail.getByRole('button', { name: 'Approve' }).click();
    const wait = detail.getByRole('region', { name: 'Courier: Waits for a reply' });
    await expect(wait).toBeVisible();
    await expect(detail).toContainText('Approved by you: “Packed.”');
    await expect(wait.getByRole('button', { name: 'Copy the address' })).toBeVisible();
    const address = await wait.getByText(/^https?:\/\/\S+\/resume\//).innerText();
    expect((await fetch(address, { method: 'POST', headers: JSON_TYPE, body: '{"at":"door"}' })).status).toBe(202);
    await expect(detail.getByRole('heading', { name: /Parcel.*Succeeded/ })).toBeVisible();
  });

  await test.step('run again from the start, it asks again', async () => {
    await detail.getByRole('button', { name: 'Run again' }).click();
    await expect(detail).toContainText('Retry of');
    await expect(detail.getByRole('region', { name: 'Let it go: Waits for approval' })).toBeVisible();
    await detail.getByRole('button', { name: 'Reject' }).click();
    await expect(detail).toContainText('Rejected by you');
    await expect(detail.getByRole('heading', { name: /Parcel.*Succeeded/ })).toBeVisible();
  });
});

const JSON_TYPE = { 'content-type': 'application/json' };

async function newProject(page: Page, desk: Desk): Promise<void> {
  await page.getByRole('button', { name: 'All projects' }).click();
  await page.getByRole('textbox', { name: 'Name of the project' }).fill('Parcels');
  await page.getByRole('button', { name: 'Create project' }).click();
  await expect(page.getByRole('banner')).toContainText('Parcels');
  const [id = ''] = desk.read(FILE).split('\n');
  desk.write(FILE, `${id}\n${PARCEL}`);
  await expect(card(page, 'Let it go')).toBeVisible();
}

/** Publishes from the open dialog, and gives the address of the webhook. */
async function publish(page: Page): Promise<string> {
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Send it there' }).click();
  await dialog.getByRole('button', { name: 'Publish v1 to production' }).click();
  const live = page.getByRole('dialog', { name: 'v1 is live in production' });
  await expect(live).toBeVisible({ timeout: 60_000 });
  const hook = await live.getByText(/^https?:\/\//).innerText();
  await live.getByRole('button', { name: 'Done' }).click();
  return hook;
}
