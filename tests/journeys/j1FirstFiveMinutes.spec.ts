import type { BrowserContext } from '@playwright/test';
import { card, edgeCount, expectState, run } from './canvas.ts';
import { expect, test } from './desk.ts';

test.skip(({ launchOptions }) => !launchOptions.executablePath, 'needs Chromium');

// As on a fresh clone: the desktop starts a control plane of its own, and nobody has an account.
test.use({ controlPlane: undefined });

test('J1: the sample project opens, runs, and runs again from a changed step, without account or network (needs Chromium)', async ({
  context,
  desk,
  editor: page,
}) => {
  const outside = await cutOff(context, new URL(desk.editorUrl).host);
  await page.reload();

  await test.step('the editor opens with the sample project', async () => {
    await expect(page.getByRole('banner')).toContainText('Hello');
    for (const name of ['Start', 'Make a guest list', 'Greet each guest']) await expect(card(page, name)).toBeVisible();
    await expect(page.getByRole('button', { name: 'Account, not signed in' })).toBeVisible();
  });

  await test.step('Run lets items flow over the edges', async () => {
    await run(page);
    for (const name of ['Start', 'Make a guest list', 'Greet each guest']) await expectState(page, name, 'Succeeded');
    await expect(edgeCount(page, 1, 'Start', 'Make a guest list')).toHaveText('1');
    await expect(edgeCount(page, 4, 'Make a guest list', 'Greet each guest')).toHaveText('4');
    await expect(page.getByRole('tree', { name: 'Steps of Hello' })).toContainText('Succeeded, 4 items');
  });

  const data = page.getByRole('region', { name: 'Data and log' });
  await test.step('a click on a count opens that data, as table and as JSON', async () => {
    await edgeCount(page, 4, 'Make a guest list', 'Greet each guest').click();
    await expect(data.getByRole('columnheader', { name: 'name' })).toBeVisible();
    await expect(data.getByRole('row')).toHaveCount(5);
    await expect(data.getByRole('cell', { name: 'Earth' })).toBeVisible();
    await data.getByRole('radio', { name: 'JSON' }).click();
    await expect(data).toContainText('"name": "Mercury"');
  });

  await test.step('a step gives its own data', async () => {
    await card(page, 'Greet each guest').click();
    await expect(data.getByRole('radio', { name: 'Output 4' })).toBeVisible();
    await data.getByRole('radio', { name: 'Table' }).click();
    await expect(data.getByRole('cell', { name: 'Hello, Sun! Your table is number 1.' })).toBeVisible();
    await data.getByRole('radio', { name: 'Input 4' }).click();
    await expect(data.getByRole('columnheader', { name: 'greeting' })).toBeHidden();
  });

  const inspector = page.getByRole('complementary', { name: 'Inspector' });
  await test.step('a changed field shows its value for a real item while typing', async () => {
    const letters = inspector.getByRole('combobox', { name: 'letters' });
    await letters.fill('$json.name.length * 100');
    await expect(inspector).toContainText('Result');
    await expect(inspector).toContainText('300');
    await expect(inspector).toContainText('$json.name.length');
    await letters.press('Alt+ArrowDown');
    await expect(inspector).toContainText('Item 2 of 4');
    await expect(inspector).toContainText('500');
    await letters.press('Escape');
    await letters.press('Escape');
    await expectState(page, 'Greet each guest', 'Stale');
  });

  await test.step('running from that step takes what came before from the last run', async () => {
    await page.getByRole('button', { name: 'More ways to run' }).click();
    await page.getByRole('menuitem', { name: 'Run from the selected step' }).click();
    await expectState(page, 'Greet each guest', 'Succeeded');
    await data.getByRole('radio', { name: 'Output 4' }).click();
    await expect(data.getByRole('cell', { name: '700' })).toBeVisible();
    await expect.poll(() => desk.read('hello/workflows/hello.yaml')).toContain('letters: =$json.name.length * 100');
  });

  expect(outside).toEqual([]);
});

/** Refuses whatever is not the editor's own origin, and remembers it. */
async function cutOff(context: BrowserContext, host: string): Promise<string[]> {
  const outside: string[] = [];
  const isOutside = (url: URL) => !['data:', 'blob:'].includes(url.protocol) && url.host !== host;
  await context.route(isOutside, (route) => {
    outside.push(route.request().url());
    return route.abort();
  });
  await context.routeWebSocket(isOutside, (socket) => {
    outside.push(socket.url());
    return socket.close();
  });
  return outside;
}
