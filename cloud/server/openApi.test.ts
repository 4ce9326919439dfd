import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from '@playwright/test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { callNames, findCall, type HttpCall } from '#shared/contract/contract.ts';
import type { JsonObject } from '#shared/json.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { allCapabilities } from './capabilities.ts';
import { describeApi, isForContainers, templateOf } from './openApi.ts';
import type { Routes } from './routes.ts';

type Description = { openapi: string; paths: Record<string, Record<string, JsonObject>>; components: JsonObject };

let cloud: TestCloud;
let routes: Routes;
let person: Person;
let description: Description;
beforeAll(async () => {
  cloud = await startTestCloud({}, (platform) => {
    routes = platform.routes;
    return allCapabilities(platform);
  });
  person = await cloud.newPerson();
  description = (await send<Description>(cloud.url, 'GET', '/v1/openapi.json')).body;
});
afterAll(() => cloud?.stop());

test('the description holds every route of the server and nothing else', () => {
  const registered = routes
    .list()
    .filter((route) => !isForContainers(route))
    .map(({ method, path }) => `${method} ${templateOf(path)}`);
  const described = Object.entries(description.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual(registered.sort());
  console.log(`The description has ${described.length} operations.`);
});

test('every call of the contract is served, and with its own schemas', () => {
  const served = new Set(routes.list().map(({ name, method, path }) => `${name} ${method} ${path}`));
  const missing = callNames(cloudApi).filter(
    (name) => !served.has(`${name} ${(findCall(cloudApi, name) as HttpCall).route}`),
  );
  expect(missing).toEqual([]);
  const create = description.paths['/v1/projects']?.post as { requestBody: unknown; parameters: unknown };
  expect(create.requestBody).toMatchObject({
    content: { 'application/json': { schema: { required: ['id', 'name'], additionalProperties: false } } },
  });
  expect(create.parameters).toEqual([
    { $ref: '#/components/parameters/Workspace' },
    { $ref: '#/components/parameters/IdempotencyKey' },
  ]);
});

test('a call that goes away is marked in it, and one that stays is not', () => {
  const suggest = cloudApi.search.suggest as object as { deprecated?: object };
  const described = () => {
    const { paths } = describeApi(routes.list(), cloud.url) as unknown as Description;
    return ['/v1/search/suggestions', '/v1/search'].map((path) => paths[path]?.get?.deprecated);
  };
  expect(described()).toEqual([undefined, undefined]);
  try {
    suggest.deprecated = { since: '2026-11-21', until: '2027-06-01' };
    expect(described()).toEqual([true, undefined]);
  } finally {
    delete suggest.deprecated;
  }
});

test('it is valid OpenAPI 3.1, and what is not is found', async () => {
  expect(description.openapi).toBe('3.1.0');
  expect(await new Validator().validate(structuredClone(description) as JsonObject)).toEqual({ valid: true });
  const broken = { ...structuredClone(description), paths: { projects: {} } };
  expect((await new Validator().validate(broken as unknown as JsonObject)).valid).toBe(false);
});

test('every reference in it leads somewhere', () => {
  const references = [...JSON.stringify(description).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(references.length).toBeGreaterThan(100);
  const lost = [...new Set(references)].filter((reference) => {
    const keys = reference.replace('#/', '').split('/');
    return !reference.startsWith('#/') || !keys.reduce<unknown>((at, key) => (at as JsonObject)?.[key], description);
  });
  expect(lost).toEqual([]);
});

test('it is not sent again to who has it', async () => {
  const first = await fetch(`${cloud.url}/v1/openapi.json`);
  await first.text();
  const etag = first.headers.get('etag') ?? '';
  const again = await fetch(`${cloud.url}/v1/openapi.json`, { headers: { 'if-none-match': etag } });
  expect([again.status, await again.text()]).toEqual([304, '']);
  const other = await fetch(`${cloud.url}/v1/openapi.json`, { headers: { 'if-none-match': '"other"' } });
  expect(other.status).toBe(200);
  await other.text();
});

test('the page runs no script but its own, and no file beside its own is given out', async () => {
  const page = await fetch(`${cloud.url}/v1/docs`);
  expect(await page.text()).toContain('/v1/docs/page.js');
  expect(page.headers.get('content-security-policy')).toMatch(
    /default-src 'none'; script-src 'self';.*connect-src 'self'/,
  );
  expect((await fetch(`${cloud.url}/v1/docs/page.js`)).headers.get('content-type')).toMatch(/^text\/javascript/);
  for (const file of ['page.ts', '..%2fapiPage.ts', 'constructor', '%2e%2e%2fopenApi.ts'])
    expect([file, (await fetch(`${cloud.url}/v1/docs/${file}`)).status]).toEqual([file, 404]);
});

const browser = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((file) => existsSync(file));
if (!browser) console.log('Skipped: the page in a browser, because there is no Chromium on PATH.');

/** Chromium lets go of a request when a network comes or goes, as with every container on the same machine. */
const NETWORK_CHANGED = /ERR_NETWORK_CHANGED/;

test.skipIf(!browser)('somebody finds a call on the page and sends it', { timeout: 300_000 }, async () => {
  const open = await chromium.launch({ executablePath: browser, args: ['--no-sandbox', '--no-first-run'] });
  try {
    for (let tries = 1; ; tries++) {
      const complaints: string[] = [];
      try {
        await findAndSend(open, complaints);
        break;
      } catch (thrown) {
        if (tries === 4 || !NETWORK_CHANGED.test(`${thrown} ${complaints}`)) throw thrown;
      }
    }
  } finally {
    await open.close();
  }
  expect((await person.call<{ data: { name: string }[] }>('GET', '/v1/projects')).body.data[0]?.name).toContain('<img');
});

async function findAndSend(open: Browser, complaints: string[]): Promise<void> {
  const page = await open.newPage({ viewport: { width: 360, height: 800 } });
  page.setDefaultTimeout(25_000);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).origin));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${cloud.url}/v1/docs`);
  await page.getByLabel('Access token').fill(person.accessToken);
  await page.getByLabel('Workspace').fill(person.workspaceId);
  await page.getByLabel('Find a call').fill('projects.create');
  const call = page.locator('[data-operation="projects.create"]');
  await call.locator('summary').first().click();
  await call.getByLabel('Body (JSON)').fill(JSON.stringify({ id: newId(), name: '<img src=x onerror=alert(1)>' }));
  await call.getByRole('button', { name: 'Send' }).click();
  const output = call.locator('pre[aria-live]');
  await output.filter({ hasText: '200 OK' }).waitFor();
  expect(await output.textContent()).toContain('<img src=x onerror=alert(1)>');
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
  await page.goto('about:blank');
  await page.goto(`${cloud.url}/v1/docs#projects.create`);
  await page.locator('[data-operation="projects.create"]').waitFor();
  expect(await page.locator('[data-operation]').count()).toBe(1);
  expect(new Set(asked.filter((origin) => origin !== 'null'))).toEqual(new Set([cloud.url]));
  expect(complaints).toEqual([]);
}
