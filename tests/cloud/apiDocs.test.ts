import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PLANS } from '#shared/plan.ts';
import { loadConfig } from '../../cloud/platform/config.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { RATE_LIMITS } from '../../cloud/server/rateLimits.ts';
import { startTestCloud, type TestCloud } from '../fixtures/cloud.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'api.md'), 'utf8');
/** The blocks of the page: a request, and what it is answered with. */
const blocks = [...page.matchAll(/^```http\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
const examples = Array.from({ length: blocks.length / 2 }, (_, n) => {
  const [request = '', answer = ''] = [blocks[2 * n], blocks[2 * n + 1]];
  return { request: partsOf(request), answer: partsOf(answer) };
});
const values: Record<string, string> = {};

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({}, allCapabilities);
  // The person of the page, with the address that the page uses.
  const person = await cloud.newPerson();
  await cloud.database.ownerSql(`update user_account set email = 'robin@example.com' where id = $1`, [person.userId]);
  values.workspace = person.workspaceId;
}, 300_000);
afterAll(() => cloud?.stop());

function partsOf(block: string): { first: string; headers: Record<string, string>; body: string } {
  const [first = '', ...lines] = block.trimEnd().split('\n');
  const start = lines.findIndex((line) => line === '' || line.startsWith('{'));
  const head = start === -1 ? lines : lines.slice(0, start);
  const headers = Object.fromEntries(head.map((line) => line.split(/: (.*)/).slice(0, 2) as [string, string]));
  return { first, headers, body: start === -1 ? '' : lines.slice(start).join('\n').trim() };
}

/** What the page shows of an answer: `…` is anything. */
function shown(value: unknown): unknown {
  if (value === '…') return expect.any(String);
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  return expect.objectContaining(
    Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner)])),
  );
}

const filled = (text: string) => text.replace(/<(\w+)>/g, (all, name: string) => values[name] ?? all);

test('every example of the page is answered as the page says', async () => {
  expect(blocks.length % 2).toBe(0);
  expect(examples.length).toBeGreaterThanOrEqual(10);
  for (const { request, answer } of examples) {
    const [method = '', path = ''] = request.first.split(' ');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, filled(value)]));
    const body = request.body === '' ? undefined : request.body;
    const response = await fetch(`${cloud.url}${path}`, { method, headers, body });
    const said = (await response.json()) as Record<string, unknown>;
    expect({ asked: request.first, status: response.status, said }).toMatchObject({
      asked: request.first,
      status: Number(answer.first),
      said: answer.body === '' ? {} : shown(JSON.parse(answer.body)),
    });
    for (const [name, value] of Object.entries(answer.headers)) expect(response.headers.get(name)).toBe(value);
    if (typeof said.accessToken === 'string') values.token = said.accessToken;
    if (typeof said.secret === 'string') values.key = said.secret;
  }
  console.log(`${examples.length} examples of docs/api.md were sent.`);
});

test('the limits of the page are those of the server', () => {
  for (const [name, plan] of Object.entries(PLANS)) {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    expect(page).toContain(`${title} ${plan.requestsPerSecondPerKey}`);
  }
  expect([RATE_LIMITS.read.points, RATE_LIMITS.write.points, RATE_LIMITS.address.points]).toEqual([300, 300, 1_000]);
  expect(page).toContain('| a person | 300 a minute for reading, 300 for writing |');
  expect(loadConfig({}).requestsPerMinute).toBe(RATE_LIMITS.read.points);
  expect([RATE_LIMITS.sign_in, RATE_LIMITS.sign_up, RATE_LIMITS.reset]).toEqual([
    { points: 20, seconds: 60 },
    { points: 3, seconds: 3_600 },
    { points: 3, seconds: 3_600 },
  ]);
});
