import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import type { RunEvent } from '#shared/run/events.ts';
import { temporaryDir } from '../../tests/fixtures/agent.ts';
import { CLAIMABLE } from './runStatements.ts';
import { openRunStore, type StoredRun } from './runStore.ts';

const RUN = '0199f2c4-7000-7000-8000-000000000001';
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close();
});

function setUp() {
  const place = temporaryDir();
  opened.push({ close: () => place[Symbol.dispose]() });
  const file = join(place.dir, 'runs.db');
  const open = () => {
    const store = openRunStore(file);
    opened.push(store);
    return store;
  };
  const raw = () => {
    const db = new DatabaseSync(file);
    opened.push(db);
    return db;
  };
  return { open, raw };
}

const run: StoredRun = {
  runId: RUN,
  projectId: '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a00',
  workflowId: '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01',
  workflowName: 'Triage',
  environment: 'local',
  trigger: 'manual',
  triggerStepId: 'start',
  status: 'running',
  fence: 3,
  leaseUntil: 1_800_000_000_000,
  dueAt: undefined,
  cancel: false,
  queuedAt: 1_700_000_000_000,
  startedAt: undefined,
  finishedAt: undefined,
  stepCount: 2,
  lastSeq: 7,
  retryOf: undefined,
  treeHash: 'c'.repeat(64),
  assignment: { input: [{ json: { n: 1 } }] },
  wait: null,
  error: null,
  answer: { status: 201, body: { n: 1 } },
};
const events = (from: number, count: number, text = 'x') =>
  Array.from({ length: count }, (_value, index): RunEvent => {
    const common = { runId: RUN, seq: from + index, at: '2026-11-20T07:00:00.000Z', fence: 3, stepId: 'a' };
    const outputs = { main: { items: [{ json: { text: `${text}ü\u2028${index}` } }] } };
    return { ...common, type: 'step.succeeded', iteration: index, attempt: 1, outputs };
  });

test('a journal comes back event by event as it was reported, small reports and large', () => {
  const { open } = setUp();
  const store = open();
  store.insertRun(run);
  const reports = [events(1, 3), events(4, 400, 'large '.repeat(50)), events(404, 1)];
  for (const report of reports) store.appendEvents(report);
  expect(store.events(RUN)).toEqual(reports.flat());
});

test('the same events are not stored twice', () => {
  const { open } = setUp();
  const store = open();
  store.insertRun(run);
  store.appendEvents(events(1, 3));
  expect(() => store.appendEvents(events(1, 3))).toThrow('UNIQUE');
});

test('a run’s head says what a report is checked against, and a shown run leaves out what a runtime needs', () => {
  const { open } = setUp();
  const store = open();
  store.insertRun(run);
  const { runId, projectId, status, fence, leaseUntil, cancel, stepCount, lastSeq, answer } = run;
  const head = { runId, projectId, status, fence, leaseUntil, cancel, stepCount, lastSeq, answer };
  expect(store.findHead(RUN)).toEqual(head);
  expect(store.findRun(RUN)).toMatchObject({ ...head, workflowName: 'Triage', trigger: 'manual' });
  expect(store.findRun(RUN)).not.toHaveProperty('assignment.input');
  expect(store.findHead('0199f2c4-7000-7000-8000-000000000002')).toBeUndefined();
});

test('a transaction that fails leaves nothing, and the next one works', () => {
  const { open } = setUp();
  const store = open();
  const fail = () =>
    store.transaction(() => {
      store.insertRun(run);
      throw new Error('Something broke.');
    });
  expect(fail).toThrow('Something broke.');
  expect(store.findRun(RUN)).toBeUndefined();
  store.transaction(() => store.insertRun(run));
  expect(store.findRun(RUN)).toMatchObject({ runId: RUN });
});

test('a file with a row per event, as it was before, is taken over with its journals', () => {
  const { open, raw } = setUp();
  const first = open();
  first.insertRun(run);
  const old = raw();
  old.exec(`CREATE TABLE run_events (run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, seq INTEGER NOT NULL,
    event TEXT NOT NULL, PRIMARY KEY (run_id, seq)) STRICT, WITHOUT ROWID`);
  const insert = old.prepare('INSERT INTO run_events (run_id, seq, event) VALUES (?, ?, ?)');
  for (const event of events(1, 12)) insert.run(RUN, event.seq, JSON.stringify(event));
  const second = open();
  expect(second.events(RUN)).toEqual(events(1, 12));
  second.appendEvents(events(13, 2));
  expect(
    open()
      .events(RUN)
      .map(({ seq }) => seq),
  ).toEqual(Array.from({ length: 14 }, (_value, index) => index + 1));
});

test('a look for work goes by what may be taken, not by what waits', () => {
  const { open, raw } = setUp();
  open();
  const steps = raw()
    .prepare(`EXPLAIN QUERY PLAN ${CLAIMABLE}`)
    .all({ project: run.projectId, now: 0, limit: 1 })
    .map(({ detail }) => String(detail));
  const looks = steps.filter((step) => step.startsWith('SEARCH') || step.startsWith('SCAN runs'));
  expect(looks.map((step) => /USING (?:COVERING )?INDEX (\w+)/.exec(step)?.[1]).sort()).toEqual([
    'runs_cancelled',
    'runs_due',
    'runs_leased',
    'runs_of_group',
    'runs_ready',
    'sqlite_autoindex_runs_1',
    'sqlite_autoindex_runs_1',
  ]);
});
