import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { defineConfig } from '@playwright/test';

/** The system's Chromium; a second one from npm would be large and not what people have. */
function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((file) => existsSync(file));
}

/** The journeys of users. With `SLUICE_SCREENS=1` the pictures of docs/screens are taken instead. */
export default defineConfig({
  testDir: 'tests/journeys',
  testMatch: process.env.SLUICE_SCREENS === '1' ? 'screens.ts' : '*.spec.ts',
  outputDir: 'test-results',
  // Each journey has programs, a browser and folders of its own, and waits for most of its time.
  workers: 2,
  retries: 0,
  forbidOnly: true,
  // Of a machine that does much else at the same time.
  timeout: 300_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  use: {
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    timezoneId: 'UTC',
    actionTimeout: 30_000,
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: findChromium(),
      args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
    },
  },
});
