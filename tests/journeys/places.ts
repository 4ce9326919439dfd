import { expect, type Page } from '@playwright/test';
import { expectAccessible } from './axe.ts';

const SIZES = { table: 1280, telephone: 360 };
const THEMES = ['light', 'dark'] as const;

/**
 * A place is clear to axe and fits its screen, on a table and on a telephone, once in light and once in dark.
 *
 * @param turn counts the places: which width is the light one, and at which of them Tab walks, takes turns
 */
export async function expectFits(page: Page, turn: number, { tabs = true } = {}): Promise<void> {
  const isEven = turn % 2 === 0;
  for (const [at, width] of Object.values(SIZES).entries()) {
    const colorScheme = THEMES[(at + turn) % 2];
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 780 });
    await expect(page.locator('[data-asking]')).toHaveCount(0);
    await expectAccessible(page);
    // A part that measures itself comes to its width a frame later.
    await expect.poll(() => page.evaluate(findOverflow), `${page.url()} at ${width}`).toEqual([]);
    if (tabs && isEven === (width === SIZES.table)) await expectTabs(page);
  }
}

/** What is wider than its room: the page, or a part that scrolls down only. Rows of tabs may scroll sideways. */
function findOverflow(): string[] {
  const parts = [...document.querySelectorAll<HTMLElement>('body, body *')].filter((part) => {
    const { overflowX } = getComputedStyle(part);
    const scrolls = part === document.body || overflowX === 'auto' || overflowX === 'scroll';
    return scrolls && part.clientWidth > 0 && part.scrollWidth > part.clientWidth + 1 && part.role !== 'tablist';
  });
  return parts.map((part) => `${part.tagName} ${part.className}: ${part.scrollWidth} in ${part.clientWidth}`);
}

/** Tab comes to everything that can be pressed or filled in, and one sees where it is. */
async function expectTabs(page: Page): Promise<void> {
  const wanted = await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    const stops = 'a[href], button, input, select, textarea, [tabindex="0"]';
    const all = [...document.querySelectorAll<HTMLElement>(stops)].filter(
      (one) => one.tabIndex >= 0 && !one.matches(':disabled, [type=hidden]') && one.checkVisibility(),
    );
    for (const [at, one] of all.entries()) one.dataset.stop = String(at);
    return all.map((one) => one.ariaLabel ?? one.textContent?.trim() ?? one.id);
  });
  const reached = new Set<number>();
  const unseen: string[] = [];
  for (let presses = 0; presses < wanted.length + 3; presses++) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const one = document.activeElement as HTMLElement | null;
      // A field draws the ring around itself and what stands beside it.
      const box = one?.closest<HTMLElement>('.field-box') ?? one;
      if (!one || !box || one === document.body) return undefined;
      const look = () => `${getComputedStyle(box).boxShadow} ${getComputedStyle(box).outline}`;
      const { left, right } = one.getBoundingClientRect();
      const focused = look();
      one.blur();
      const isSeen = focused !== look() && left >= -1 && right <= window.innerWidth + 1;
      one.focus({ preventScroll: true });
      return { at: Number(one.dataset.stop ?? -1), name: one.ariaLabel ?? one.textContent?.trim() ?? one.id, isSeen };
    });
    if (!stop) continue;
    if (!stop.isSeen) unseen.push(stop.name);
    reached.add(stop.at);
  }
  expect(unseen, `no ring to see at ${page.url()}`).toEqual([]);
  const left = wanted.filter((_, at) => !reached.has(at));
  expect(left, `not reached by Tab at ${page.url()}`).toEqual([]);
}
