import { setTimeout as pause } from 'node:timers/promises';
import { chromium, type Page } from '@playwright/test';
import config from '../../playwright.config.ts';
import { check } from '../parts/part.ts';
import type { ControlPlane } from './controlPlane.ts';
import { type Times, timesOf } from './measureSync.ts';
import type { Tenant } from './tenants.ts';

export type Editor = {
  /** Commits of others that came in while somebody worked in the editor, and letters that he typed meanwhile. */
  commits: number;
  letters: number;
  /** Tasks that held the page's one thread for 50 ms and more, as the browser reports them. */
  blocked: Times;
};

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const BETWEEN_MS = 50;
/** So long the page is held up on purpose, to see that it would be seen. */
const HELD_MS = 120;
/** What the first picture of a project left to do is done by then. */
const REST_MS = 3_000;

/**
 * What holds up a person who types in a project of 500 steps while others change it, in the browser's editor.
 *
 * @param others makes commits of somebody else, of other steps than the first, and says how many
 */
export async function measureEditor(
  plane: ControlPlane,
  { person, password }: Tenant,
  { projectId, others }: { projectId: string; others: () => Promise<number> },
): Promise<Editor | { skipped: string }> {
  const { executablePath, args } = config.use?.launchOptions ?? {};
  if (!executablePath) return { skipped: 'chromium is not on the path' };
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(new URL(`/app/p/${projectId}`, plane.url).href);
    await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await openStep(page);
    await pause(REST_MS);
    await page.evaluate(watchTasks);
    await page.evaluate(holdUp, HELD_MS);
    await pause(REST_MS);
    const held = await page.evaluate(() => (globalThis as unknown as Watched).longTasks.splice(0));
    check(Math.max(...held) >= HELD_MS, 'a task that holds the page up is seen');
    let going = true;
    const written = others().finally(() => {
      going = false;
    });
    let letters = 0;
    for (; going; letters++) {
      await page.keyboard.type(LETTERS.charAt(letters % LETTERS.length));
      await pause(BETWEEN_MS);
    }
    const commits = await written;
    await pause(REST_MS);
    const tasks = await page.evaluate(() => (globalThis as unknown as Watched).longTasks);
    check(letters > 10, 'somebody typed meanwhile');
    return { commits, letters, blocked: timesOf(tasks) };
  } finally {
    await browser.close();
  }
}

type Watched = { longTasks: number[] };

/** In the page. Node's observer, whose types we have here, knows no tasks of a page. */
function watchTasks(): void {
  const tasks: number[] = [];
  Object.assign(globalThis, { longTasks: tasks });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration);
  }).observe({ type: 'longtask' as never });
}

/** In the page: a task that does nothing else, in its own turn. */
function holdUp(ms: number): void {
  setTimeout(() => {
    for (const end = performance.now() + ms; performance.now() < end; );
  });
}

/** Selects a step and puts the caret into its first field. */
async function openStep(page: Page): Promise<void> {
  await page.getByRole('article', { name: /^Step 0,/ }).click();
  await page.getByRole('textbox', { name: 'Fields, name 3' }).click();
}
