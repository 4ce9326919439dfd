import { join } from 'node:path';
import type { BrowserContext, Page } from '@playwright/test';
import { type CloudProcess, startCloudProcess } from '../fixtures/cloudProcess.ts';
import { verifyLinkIn } from '../fixtures/mailFolder.ts';
import { test as base, expect } from './desk.ts';

export type CloudDesk = { url: string; mailDir: string };

/** A desk whose desktop uses a control plane of the test's own, on its embedded defaults. */
export const test = base.extend<{ cloud: CloudDesk }>({
  cloud: async ({ folder }, use, info) => {
    const data = join(folder, 'cloud');
    const cloud: CloudProcess = await startCloudProcess({
      SLUICE_DATA: data,
      PORT: '0',
      // The screens are the same; containers are what the demo is about.
      CONTAINER_DRIVER: 'process',
      // A journey goes from place to place faster than a person can.
      REQUESTS_PER_MINUTE: '1000',
    });
    await use({ url: cloud.url, mailDir: join(data, 'mail') });
    await cloud.stop();
    if (info.status !== info.expectedStatus) await info.attach('control plane', { body: cloud.log.join('\n') });
  },
  controlPlane: async ({ cloud }, use) => use(cloud.url),
});

export type Person = { name: string; email: string; password: string };

/** Signs up on the pages of the control plane and confirms the address by the letter. */
export async function signUp(context: BrowserContext, cloud: CloudDesk, person: Person): Promise<void> {
  const page = await context.newPage();
  await page.goto(new URL('/sign-up', cloud.url).href);
  await page.getByRole('textbox', { name: 'Name' }).fill(person.name);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Create the account' }).click();
  await expect(page.getByRole('heading', { name: 'Look into your mail' })).toBeVisible();
  await page.goto(verifyLinkIn(cloud.mailDir, person.email));
  await page.getByRole('button', { name: 'Confirm the address' }).click();
  await expect(page.getByRole('heading', { name: 'Your address is confirmed' })).toBeVisible();
  await page.close();
}

/** Goes on with the sign-in that the desktop began, on the page that it names. */
export async function connectDevice(context: BrowserContext, address: string, person: Person): Promise<void> {
  const page = await context.newPage();
  await page.goto(address);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Sign in and connect this device' }).click();
  await expect(page.getByRole('heading', { name: 'You are signed in' })).toBeVisible();
  await page.close();
}

/** Signs in from the publish dialog and sends the project to the person's first workspace. */
export async function signInToPublish(editor: Page, person: Person): Promise<void> {
  await editor.getByRole('banner').getByRole('button', { name: 'Publish' }).click();
  const dialog = editor.getByRole('dialog', { name: /^Publish / });
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  const address = await dialog.getByRole('textbox', { name: 'No page opened? Copy its address.' }).inputValue();
  await connectDevice(editor.context(), address, person);
  await expect(dialog.getByRole('combobox', { name: 'Workspace' })).toBeVisible();
}

export { expect };
