import { afterEach, describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { until } from '../../tests/fixtures/agent.ts';
import { createReporter, type Reporter, type ReporterDeps } from './reporter.ts';

const RUN = '0199f2c4-7000-7000-8000-000000000001';
const at = '2026-11-20T07:00:00.000Z';
type Report = Parameters<ReporterDeps['client']['report']>[0];

function event(seq: number, more: Partial<RunEvent> = {}): RunEvent {
  const skipped = { type: 'step.skipped', stepId: 'a', reason: 'disabled', runId: RUN, seq, at, fence: 1 };
  return { ...skipped, ...more } as RunEvent;
}

const open: Reporter[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.abandon();
  vi.useRealTimers();
});

/** A reporter before a control plane that keeps what it is told, but for what `answer` does instead. */
function setUp(
  answer: (report: Report, count: number) => { ack?: number; cancel?: boolean; suspend?: boolean } | undefined = () =>
    undefined,
  leaseMs = 60_000,
) {
  const reports: Report[] = [];
  let stored = 0;
  const seen = { cancelled: 0, lost: [] as string[], renewed: 0 };
  const reporter = createReporter(
    { runId: RUN, fence: 1, leaseMs, events: [] },
    {
      client: {
        async report(report) {
          reports.push(report);
          const first = report.events.find(({ seq }) => seq > stored);
          if (first && first.seq !== stored + 1)
            throw new SluiceError('run.gap', 'A gap.', { details: { expected: stored + 1 } });
          const special = answer(report, reports.length);
          stored = Math.max(stored, report.events.at(-1)?.seq ?? 0);
          return { ack: stored, ...special };
        },
      },
      renew: async () => {
        seen.renewed++;
      },
      onCancel: () => {
        seen.cancelled++;
      },
      onLost: (error) => seen.lost.push(error.code),
    },
  );
  open.push(reporter);
  return { reporter, reports, seen, stored: () => stored, forget: (seq: number) => (stored = seq) };
}

const sent = (reports: Report[]) => reports.map(({ events }) => events.map(({ seq }) => seq));

test('events of one moment go in one report, in order', async () => {
  const { reporter, reports } = setUp();
  for (let seq = 1; seq <= 5; seq++) reporter.add(event(seq));
  await reporter.flushed();
  expect(sent(reports)).toEqual([[1, 2, 3, 4, 5]]);
});

test('what nobody waits for is sent soon all the same', async () => {
  const { reporter, stored } = setUp();
  reporter.add(event(1));
  await until(() => stored() === 1);
});

test('a report holds no more than fits, and one event however large', async () => {
  const { reporter, reports } = setUp();
  const large = (seq: number) =>
    event(seq, { type: 'effect.recorded', result: 'x'.repeat(3_000_000) } as Partial<RunEvent>);
  for (let seq = 1; seq <= 3; seq++) reporter.add(large(seq));
  for (let seq = 4; seq <= 1_003; seq++) reporter.add(event(seq));
  await reporter.flushed();
  expect(sent(reports).map((seqs) => seqs.length)).toEqual([1, 1, 500, 500, 1]);
});

test('the run is to wait while too much waits to be sent', async () => {
  let release = () => {};
  const { reporter } = setUp(() => undefined);
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = createReporter(
    { runId: RUN, fence: 1, leaseMs: 60_000, events: [] },
    {
      client: { report: (report) => held.then(() => ({ ack: report.events.at(-1)?.seq ?? 0 })) },
      renew: async () => {},
      onCancel: () => {},
      onLost: () => {},
    },
  );
  open.push(slow);
  expect(slow.isFull?.()).toBe(false);
  for (let seq = 1; seq <= 5_001; seq++) slow.add(event(seq));
  expect(slow.isFull?.()).toBe(true);
  release();
  await slow.flushed();
  expect(slow.isFull?.()).toBe(false);
  expect(reporter.isFull?.()).toBe(false);
});

describe('answers that are lost', () => {
  test('the same report is said again', async () => {
    const { reporter, reports } = setUp((_report, count) => {
      if (count === 1) throw new SluiceError('cloud.unreachable', 'Gone.');
      return undefined;
    });
    reporter.add(event(1));
    await reporter.flushed();
    expect(sent(reports)).toEqual([[1], [1]]);
  });

  test('what the control plane turns out to have is not sent again', async () => {
    const { reporter, reports, forget, seen } = setUp((_report, count) => {
      if (count === 1) {
        forget(2);
        throw new SluiceError('run.gap', 'A gap.', { details: { expected: 3 } });
      }
      return undefined;
    });
    for (let seq = 1; seq <= 3; seq++) reporter.add(event(seq));
    await reporter.flushed();
    expect(sent(reports)).toEqual([[1, 2, 3], [3]]);
    expect(seen.lost).toEqual([]);
  });

  test('a gap that cannot be filled loses the run', async () => {
    const { reporter, forget, seen } = setUp();
    reporter.add(event(1));
    await reporter.flushed();
    forget(0);
    reporter.add(event(2));
    await expect(reporter.flushed()).rejects.toMatchObject({ code: 'run.gap' });
    expect(seen.lost).toEqual(['run.gap']);
  });

  test('a control plane that knows of more events than there are loses the run, and no event is passed over', async () => {
    const { reporter, seen } = setUp(() => {
      throw new SluiceError('run.gap', 'A gap.', { details: { expected: 9 } });
    });
    reporter.add(event(1));
    await expect(reporter.flushed()).rejects.toMatchObject({ code: 'run.gap' });
    expect(seen.lost).toEqual(['run.gap']);
  });
});

test('a token that does not hold any more is renewed by whoever meets it', async () => {
  const { reporter, reports, seen } = setUp((_report, count) => {
    if (count <= 2) throw new SluiceError('token.invalid', 'Expired.');
    return undefined;
  });
  reporter.add(event(1));
  await reporter.flushed();
  expect(seen.renewed).toBe(2);
  expect(sent(reports)).toEqual([[1], [1], [1]]);
});

test('a run that was fenced is left at once: nothing more is taken or sent, and whoever waits is told', async () => {
  const { reporter, reports, seen } = setUp(() => {
    throw new SluiceError('run.fenced', 'Fenced.');
  });
  reporter.add(event(1));
  const waits = [reporter.flushed(), reporter.flushed()];
  for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: 'run.fenced' });
  expect(seen.lost).toEqual(['run.fenced']);
  reporter.add(event(2));
  await expect(reporter.flushed()).rejects.toMatchObject({ code: 'run.fenced' });
  await reporter.done();
  expect(reports).toHaveLength(1);
});

test('the lease is renewed while nothing happens, and no more once the run is let go', async () => {
  vi.useFakeTimers();
  const { reporter, reports } = setUp(undefined, 3_000);
  await vi.advanceTimersByTimeAsync(3_500);
  expect(sent(reports)).toEqual([[], [], []]);
  await reporter.done();
  const count = reports.length;
  expect(reports.at(-1)).toMatchObject({ done: true, events: [] });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(reports).toHaveLength(count);
});

test('after a sleep longer than the lease nothing counts as kept before the lease is known to hold', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { reporter, reports } = setUp(undefined, 10_000);
  reporter.add(event(1));
  await reporter.flushed();
  await reporter.flushed();
  expect(reports).toHaveLength(1);
  vi.setSystemTime(Date.now() + 10_001);
  await reporter.flushed();
  expect(reports).toHaveLength(2);
});

test('a cancel and a suspension are told to whoever executes the run', async () => {
  const { reporter, seen } = setUp((_report, count) => (count === 1 ? { cancel: true } : { suspend: true }));
  reporter.add(event(1));
  await reporter.flushed();
  expect(seen).toMatchObject({ cancelled: 1, lost: [] });
  reporter.add(event(2));
  await reporter.flushed();
  expect(seen.lost).toEqual(['service.draining']);
});

describe('letting go', () => {
  test('a run that has ended is let go with its last event', async () => {
    const { reporter, reports } = setUp();
    reporter.add(event(1));
    reporter.add(event(2, { type: 'run.ended', status: 'succeeded' } as Partial<RunEvent>));
    await reporter.flushed();
    await reporter.done();
    expect(reports).toMatchObject([{ done: true }]);
    expect(sent(reports)).toEqual([[1, 2]]);
  });

  test('a run that waits is let go after all its events and log lines have gone', async () => {
    const { reporter, reports } = setUp();
    for (let seq = 1; seq <= 501; seq++) reporter.add(event(seq));
    for (let n = 0; n < 1_200; n++) reporter.log({ runId: RUN, at, level: 'info', message: String(n) });
    await reporter.done();
    const lines = reports.flatMap(({ logs = [] }) => logs.map(({ message }) => message));
    expect(lines).toEqual(Array.from({ length: 1_200 }, (_value, n) => String(n)));
    expect(sent(reports).flat()).toHaveLength(501);
    expect(reports.map(({ done }) => done ?? false).lastIndexOf(true)).toBe(reports.length - 1);
    expect(reports.filter(({ done }) => done)).toHaveLength(1);
  });

  test('nothing is taken afterwards', async () => {
    const { reporter, reports } = setUp();
    await reporter.done();
    reporter.add(event(1));
    reporter.log({ runId: RUN, at, level: 'info', message: 'late' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(reports).toHaveLength(1);
  });
});

test('of log lines that nobody takes the oldest are dropped', async () => {
  const { reporter, reports } = setUp((_report, count) => {
    if (count === 1) throw new SluiceError('cloud.unreachable', 'Gone.');
    return undefined;
  });
  reporter.add(event(1));
  const flushed = reporter.flushed();
  for (let n = 0; n < 3_000; n++) reporter.log({ runId: RUN, at, level: 'info', message: String(n) });
  await flushed;
  await reporter.done();
  const lines = reports.flatMap(({ logs = [] }) => logs.map(({ message }) => Number(message)));
  expect(lines).toHaveLength(2_000);
  expect(lines[0]).toBe(1_000);
});

test('a control plane that breaks on a report again and again loses the run to the next runtime', async () => {
  vi.useFakeTimers();
  const { reporter, reports, seen } = setUp(() => {
    throw new SluiceError('internal', 'Broken.');
  });
  reporter.add(event(1));
  const flushed = expect(reporter.flushed()).rejects.toMatchObject({ code: 'internal' });
  await vi.advanceTimersByTimeAsync(60_000);
  await flushed;
  expect(seen.lost).toEqual(['internal']);
  expect(reports).toHaveLength(8);
});
