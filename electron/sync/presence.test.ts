import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FeedRequest } from '#shared/contract/feed.ts';
import type { Presence } from '#shared/contract/host/presence.ts';
import { createPresence } from './presence.ts';

const projectId = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55';
const who = { sessionId: '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a56', name: 'Sam', color: 3 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function started() {
  const said: FeedRequest[] = [];
  const told: Presence[][] = [];
  const presence = createPresence({
    say: (_workspaceId, request) => said.push(request),
    onChanged: (_projectId, people) => told.push(people),
    now: Date.now,
  });
  presence.watch('a workspace', projectId);
  return { presence, said, told };
}

test('of many moves ten a second are said, and the last one always is', () => {
  const { presence, said } = started();
  for (let x = 1; x <= 200; x++) {
    presence.calls.tell({ projectId, selection: [], cursor: [x, 0] });
    vi.advanceTimersByTime(5);
  }
  vi.advanceTimersByTime(200);
  expect(said.length).toBeGreaterThan(5);
  expect(said.length).toBeLessThanOrEqual(12);
  expect(said.at(-1)).toEqual({ type: 'presence', projectId, selection: [], cursor: [200, 0] });
});

test('who stays where they are says so again, and nothing more once the project is closed', () => {
  const { presence, said } = started();
  presence.calls.tell({ projectId, selection: ['one'] });
  vi.advanceTimersByTime(60_000);
  const count = said.length;
  expect(count).toBeGreaterThanOrEqual(3);
  presence.unwatch(projectId);
  vi.advanceTimersByTime(60_000);
  expect(said).toHaveLength(count);
});

test('others come, move and go; who says nothing for a minute, or cannot be heard, has gone', () => {
  const { presence, told } = started();
  const moves = (selection: string[]) => presence.receive({ type: 'presence', who, projectId, selection });
  moves(['a']);
  moves(['b']);
  expect(told.at(-1)).toEqual([{ ...who, selection: ['b'] }]);
  presence.receive({ type: 'presence.left', who, projectId });
  expect(told.at(-1)).toEqual([]);
  moves(['c']);
  vi.advanceTimersByTime(90_000);
  expect(told.at(-1)).toEqual([]);
  moves(['d']);
  presence.lost('a workspace');
  expect(told.at(-1)).toEqual([]);
  const before = told.length;
  presence.receive({ type: 'presence', who, projectId: '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a57', selection: [] });
  expect(told).toHaveLength(before);
});
