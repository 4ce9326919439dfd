import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect, type Page } from '@playwright/test';
import { type DesktopProcess, startDesktopProcess } from '../fixtures/desktopProcess.ts';

/** A computer of its own: an empty data folder and the built desktop on it. */
export type Desk = Pick<DesktopProcess, 'editorUrl' | 'log'> & {
  /** Text of a file below the projects folder. */
  read(path: string): string;
  /** Writes it, as another program on this computer would. */
  write(path: string, text: string): void;
};

type DeskFixtures = {
  /** The control plane that the desktop is to use; without one it starts its own, as it does for a newcomer. */
  controlPlane: string | undefined;
  folder: string;
  desk: Desk;
  /** The editor in a tab, ready. Whatever the page complains about fails the test. */
  editor: Page;
};

/** Nothing listens here: what is local must work all the same. */
export const NO_CONTROL_PLANE = 'http://127.0.0.1:9';

export const test = base.extend<DeskFixtures>({
  controlPlane: [NO_CONTROL_PLANE, { option: true }],

  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern which fixtures are needed.
  folder: async ({}, use) => {
    const folder = newFolder();
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },

  desk: async ({ controlPlane, folder }, use, info) => {
    const data = join(folder, 'data');
    const desktop = await startDesktopProcess({
      SLUICE_DATA: data,
      SLUICE_VAULT: 'file',
      PORT: '0',
      ...(controlPlane === undefined ? {} : { SLUICE_URL: controlPlane }),
    });
    const { editorUrl, log } = desktop;
    const place = (path: string) => join(data, 'projects', path);
    await use({
      editorUrl,
      log,
      read: (path) => readFileSync(place(path), 'utf8'),
      write: (path, text) => writeFileSync(place(path), text),
    });
    await desktop.stop();
    if (info.status !== info.expectedStatus) await info.attach('desktop', { body: log.join('\n') });
  },

  editor: async ({ page, desk }, use) => {
    const complaints = listenForComplaints(page);
    await openEditor(page, desk.editorUrl);
    await use(page);
    expect(complaints).toEqual([]);
  },
});

/** A folder that every user of this computer may pass: as root, Postgres runs as a user of its own. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-journey-'));
  chmodSync(folder, 0o755);
  return folder;
}

/** Opens the editor and waits until it is drawn. */
export async function openEditor(page: Page, url: string): Promise<void> {
  await expect(async () => {
    await page.goto(url);
    await expect(page.getByRole('button', { name: 'All projects' })).toBeVisible({ timeout: 20_000 });
  }).toPass();
}

/** Chromium lets go of a request when a network comes or goes, as with every container on the same machine. */
const NETWORK_CHANGED = /net::ERR_NETWORK_CHANGED/;

/** What the page throws or writes as an error, from now on. */
export function listenForComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !NETWORK_CHANGED.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}

export { expect };
