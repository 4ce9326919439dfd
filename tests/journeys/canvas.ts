import { expect, type Locator, type Page } from '@playwright/test';

/** The card of a step, by the step's name. Its accessible name is "name, type, state, meta". */
export function card(page: Page, name: string): Locator {
  return page.getByRole('article', { name: new RegExp(`^${escaped(name)}, `) });
}

/** Waits until a step's card says this state. */
export async function expectState(page: Page, name: string, word: string): Promise<void> {
  await expect(page.getByRole('article', { name: new RegExp(`^${escaped(name)}, [^,]+, ${word}`) })).toBeVisible();
}

/** The number on the edge between two steps, as a button that opens its data. */
export function edgeCount(page: Page, count: number, from: string, to: string): Locator {
  return page.getByRole('button', { name: new RegExp(`^${count} items? from ${escaped(from)}.* to ${escaped(to)}$`) });
}

/** Runs the workflow from its trigger. */
export async function run(page: Page): Promise<void> {
  await page.getByRole('banner').getByRole('button', { name: 'Run', exact: true }).click();
}

/** Longer than the canvas glides, also where frames are rare. */
const GLIDES_MS = 500;

/** Where something is once it has come to rest. */
export async function restingBox(page: Page, thing: Locator) {
  for (let before = await thing.boundingBox(); ; ) {
    await page.waitForTimeout(GLIDES_MS);
    const box = await thing.boundingBox();
    if (box && box.x === before?.x && box.y === before.y) return box;
    before = box;
  }
}

/**
 * Drags from a step's output port and lets go over an empty place, right of and below the port by so many pixels. The whole
 * drawing is brought into view before: held near the edge, a drag moves the canvas, and the further the slower the computer.
 */
export async function dragFromPort(page: Page, step: string, port: string, by: [number, number]): Promise<void> {
  await page.getByRole('toolbar', { name: 'Canvas' }).getByRole('button', { name: 'Fit' }).click();
  const box = await restingBox(page, card(page, step).locator(`.source[data-handleid="${port}"]`));
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + by[0] / 2, y + by[1] / 2, { steps: 5 });
  await page.mouse.move(x + by[0], y + by[1], { steps: 5 });
  await page.mouse.up();
}

/** Selects a step by a click, with the whole drawing in view: where something opened beside it, a part of it may not be. */
export async function selectStep(page: Page, step: string): Promise<void> {
  await page.getByRole('toolbar', { name: 'Canvas' }).getByRole('button', { name: 'Fit' }).click();
  await restingBox(page, card(page, step));
  await card(page, step).click();
}

/** Opens a step by a double click, once its card has come to rest: a new one is brought into view first. */
export async function openStep(page: Page, step: string): Promise<void> {
  await restingBox(page, card(page, step));
  await card(page, step).dblclick();
}

/** Chooses a step type in the open step search. */
export async function chooseType(page: Page, typed: string, type: string): Promise<void> {
  const search = page.getByRole('dialog', { name: 'Add a step' });
  await search.getByRole('combobox', { name: 'Search step types' }).fill(typed);
  await search.locator(`[id="type-${type}"]`).click();
  await expect(search).toBeHidden();
}

export const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
