import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '../platform/logger.ts';
import { createMetrics } from '../platform/metrics.ts';
import { createApp } from '../server/app.ts';
import { createAuthenticator } from '../server/authenticate.ts';
import { createRateLimits } from '../server/rateLimits.ts';
import { createRoutes } from '../server/routes.ts';
import { VERSION } from './web.ts';
import { webPages } from './webPages.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-pages-'));
const server = createServer();
let port = 0;

beforeAll(async () => {
  const rendererDir = join(folder, 'renderer');
  mkdirSync(join(rendererDir, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.js'), 'secret');
  writeFileSync(join(rendererDir, 'theme.js'), 'theme');
  writeFileSync(join(rendererDir, 'assets', 'main-abc123.js'), 'main');
  writeFileSync(join(rendererDir, 'assets', 'notes.txt'), 'notes');
  const head = '<title>Sluice</title><script src="./theme.js"></script><script src="./assets/main-abc123.js"></script>';
  writeFileSync(join(rendererDir, 'index.html'), `<html><head>${head}</head></html>`);
  const routes = createRoutes();
  const limits = createRateLimits();
  const logger = createLogger('error', { write: () => undefined });
  const authenticate = createAuthenticator({ sessionOf: async () => undefined, membershipOf: async () => undefined });
  const router = webPages({
    ...{ routes, limits, logger, authenticate, rendererDir },
    idempotency: (_request, work) => work(),
    publicUrl: 'https://sluice.example',
    signedIn: async (cookies) =>
      cookies === 'good'
        ? { sessionId: 's', family: 'f', userId: 'u', email: 'e', name: 'n', emailVerified: true }
        : undefined,
  });
  const common = { routes, limits, logger, metrics: createMetrics(), trustProxy: 0, https: true, unmetered: [] };
  server.on('request', createApp({ ...common, routers: [router], isDraining: () => false }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address ? address.port : 0;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The path exactly as it is written, which a URL would tidy up. */
async function get(path: string, cookie?: string, accept?: string) {
  const headers = { ...(cookie && { cookie }), ...(accept && { accept }) };
  const asked = request({ host: '127.0.0.1', port, path, headers });
  asked.end();
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode as number, headers: response.headers as Record<string, string>, text };
}

test('the page names its host, finds its files from every address, and may load nothing from elsewhere', async () => {
  for (const path of ['/app', '/app/runs', '/app/p/0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55']) {
    const { status, text, headers } = await get(path, 'good');
    expect(status).toBe(200);
    expect(text).toContain('<meta name="sluice-host" content="web" />');
    expect(text).toContain('src="/app/assets/main-abc123.js"');
    expect(text).not.toContain('"./');
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self' wss://sluice.example;");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*unsafe|\*/);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-content-type-options']).toBe('nosniff');
  }
});

test('nobody but whoever is signed in gets the page', async () => {
  const { status, headers } = await get('/app/runs', 'bad');
  expect([status, headers.location]).toEqual([303, '/sign-in?next=%2Fapp%2Fruns']);
});

test('at an address of no screen a browser gets a page that says so, and a program a problem', async () => {
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  for (const path of ['/app/nonsense', '/app/p/nonsense', '/app/Runs/2']) {
    const page = await get(path, 'good', browser);
    expect([path, page.status, page.headers['content-type']]).toEqual([path, 404, 'text/html; charset=utf-8']);
    expect(page.text).toContain('<h1>There is nothing here</h1>');
    expect(page.text).toContain('href="/app"');
    expect(page.text).not.toContain('nonsense');
    const told = await get(path, 'good', 'application/json');
    expect([told.status, told.headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8']);
  }
  expect((await get('/app/runs', 'good', browser)).status).toBe(200);
});

test('built files are given, kept for ever where their name says what is in them, and nothing beside them is', async () => {
  const file = await get('/app/assets/main-abc123.js');
  expect([file.status, file.text, file.headers['content-type']]).toEqual([
    200,
    'main',
    'text/javascript; charset=utf-8',
  ]);
  expect(file.headers['cache-control']).toContain('immutable');
  expect((await get('/app/theme.js')).headers['cache-control']).toBe('no-cache');
  const ways = ['../../secret.js', '..%2f..%2fsecret.js', '%2e%2e%2f%2e%2e%2fsecret.js', '..%5c..%5csecret.js'];
  for (const way of [...ways, 'notes.txt', 'main-abc123.js%00', 'gone.js', '%E0%A4%A']) {
    const { status, text } = await get(`/app/assets/${way}`);
    expect([way, status >= 300 && status < 500]).toEqual([way, true]);
    expect(text).not.toMatch(/secret$|notes$/);
  }
});

test('the version that the page shows is the program’s own', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(version);
});
