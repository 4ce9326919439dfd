import { expect, test } from 'vitest';
import { createDice } from '../../tests/fuzz/dice.ts';
import { ASKED, nextAsk } from './asks.ts';
import { timesOf } from './measureSync.ts';
import { CLASSES, COMPLEX, classifiedCalls } from './routeClasses.ts';
import type { Tenant } from './tenants.ts';
import { projectOf } from './trees.ts';

test('every call of the registry is of one class, and each class has calls that are asked', () => {
  const calls = classifiedCalls();
  const names = calls.map(({ name }) => name);
  expect([...COMPLEX].filter((name) => !names.includes(name))).toEqual([]);
  expect(ASKED.filter((name) => !names.includes(name))).toEqual([]);
  const asked = new Set(calls.filter(({ name }) => ASKED.includes(name)).map(({ is }) => is));
  expect(new Set([...asked, 'health'])).toEqual(new Set(Object.keys(CLASSES)));
  const is = Object.fromEntries(calls.map((call) => [call.name, call.is]));
  expect([
    is['projects.list'],
    is['members.list'],
    is['projects.head'],
    is['projects.push'],
    is['auth.signIn'],
  ]).toEqual(['list', 'list', 'detail', 'write', 'auth']);
});

test('what is asked fits its contract, and who knows the head is asked about it one at a time', () => {
  const dice = createDice('asks');
  const id = '0199f2c4-5d1e-7a3b-9c40-00000000f00d';
  const project = {
    ...{ id, workflowIds: [id], tree: projectOf(id, 'One', { [id]: ['One', 5] }), revision: 3 },
    ...{ versionIds: [id], isBusy: false },
  };
  const tenant = {
    ...{ person: { email: 'robin@example.com' }, password: 'four random words', address: '127.0.1.1' },
    ...{ projects: [project], runIds: [id], refreshToken: 'token', isRenewing: false },
  } as unknown as Tenant;
  const calls = new Map(classifiedCalls().map(({ name, call }) => [name, call]));
  const seen = new Set<string>();
  for (let n = 0; n < 3_000; n++) {
    const { name, path, body, learn } = nextAsk(tenant, dice);
    seen.add(name);
    const call = calls.get(name);
    if (!call) {
      expect(path).toMatch(/^\/(livez|readyz)$/);
      continue;
    }
    const url = new URL(path, 'http://localhost');
    const names = [...call.route.matchAll(/:([A-Za-z]+)/g)].map(([, found]) => found as string);
    const values = new RegExp(`^${call.route.replace(/^\w+ /, '').replace(/:[A-Za-z]+/g, '([^/]+)')}$`).exec(
      url.pathname,
    );
    const input = {
      ...(body ?? Object.fromEntries(url.searchParams)),
      ...Object.fromEntries(names.map((one, i) => [one, values?.[i + 1]])),
    };
    expect([name, call.input.safeParse(input).error?.issues]).toEqual([name, undefined]);
    if (name === 'projects.push' || name === 'versions.create') expect(project.isBusy).toBe(true);
    learn?.(undefined);
    tenant.refreshToken = 'token';
    expect(project.isBusy).toBe(false);
  }
  expect(ASKED.filter((name) => !seen.has(name))).toEqual([]);
});

test('times are told by what half, most and all of them stayed below', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  expect(timesOf(hundred.reverse())).toEqual({ count: 100, p50: 51, p95: 96, most: 100 });
  expect(timesOf([])).toEqual({ count: 0, p50: 0, p95: 0, most: 0 });
});
