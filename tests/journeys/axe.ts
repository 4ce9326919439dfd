import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

type Axe = {
  run(
    options: object,
  ): Promise<{ violations: { id: string; nodes: { html: string; any: { message: string }[] }[] }[] }>;
};

/** axe finds nothing on the page that would keep somebody from reading or using it. */
export async function expectAccessible(page: Page): Promise<void> {
  // Half faded in, every text is paler than it will be: what comes while axe looks is there at once.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  // As the debugger does it: the page's own policy takes no script from elsewhere.
  await page.evaluate(source);
  const look = () =>
    page.evaluate(async () => {
      // A theme that was asked for just now is drawn with the next frame, not while axe looks. A page behind draws none.
      const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
      const late = new Promise((over) => setTimeout(over, 1_000));
      await Promise.race([frame().then(frame), late]);
      // And what had begun before has come to its end. What turns for ever is no fade.
      const fades = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
      await Promise.allSettled(fades.map((one) => one.finished));
      const { axe } = globalThis as unknown as { axe: Axe };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      // A field of several lines that offers names as one types: HTML foresees the role only for one line.
      const rules = { 'aria-allowed-role': { enabled: false } };
      const { violations } = await axe.run({
        runOnly: { type: 'tag', values: tags },
        rules,
        resultTypes: ['violations'],
      });
      return violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.any.map((one) => one.message).join(' ')}`),
      );
    });
  // What a page shows for a moment only, such as a part that is still coming in, is gone at the next look.
  await expect.poll(look).toEqual([]);
}
