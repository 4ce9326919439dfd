import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { createLogger } from '../platform/logger.ts';
import { upkeepTick } from './upkeep.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

test('each due workspace has its turn once, and one that fails keeps no other from it and is tried again', async () => {
  const { db, ownerSql } = database;
  const workspaces = await Promise.all(Array.from({ length: 6 }, () => newWorkspace(database)));
  const [broken] = workspaces;
  const log: string[] = [];
  const logger = createLogger('error', { write: (line: string) => void log.push(line) });
  const seen: string[] = [];
  const audit = async (workspaceId: string) => {
    seen.push(workspaceId);
    if (workspaceId === broken?.workspaceId) throw new Error('no');
    return 3_600_000;
  };
  const none = async () => undefined;
  const deps = { db, logger, handlers: { audit, purge: none, history: none, connections: none } };
  const due = () => ownerSql('update upkeep_claim set due_at = now()');
  // Their first entries are seconds old, and nothing is due yet.
  expect(await upkeepTick(deps)).toBe(0);
  await due();
  const dealt = await Promise.all([upkeepTick(deps), upkeepTick(deps), upkeepTick(deps)]);
  expect(dealt.reduce((sum, n) => sum + n, 0)).toBe(6);
  expect(seen.sort()).toEqual(workspaces.map(({ workspaceId }) => workspaceId).sort());
  expect(log.filter((line) => line.includes(broken?.workspaceId ?? ''))).toHaveLength(1);
  expect(await upkeepTick(deps)).toBe(0);
  const rows = await ownerSql<{ minutes: number; owner: string | null }>(
    `select extract(epoch from due_at - now())::float / 60 as minutes, owner from upkeep_claim
      order by workspace_id = $1 desc`,
    [broken?.workspaceId],
  );
  expect(rows.map(({ owner }) => owner)).toEqual(Array(6).fill(null));
  expect(rows[0]?.minutes).toBeLessThan(2);
  for (const { minutes } of rows.slice(1)) expect(minutes).toBeGreaterThan(30);
});
