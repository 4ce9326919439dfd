import { expect, test } from 'vitest';
import type { MeterUsage } from '#shared/contract/cloud/common.ts';
import { metersToShow } from './metersToShow.ts';

const meter = (name: string, used: number, included?: number, period: 'day' | 'month' = 'month'): MeterUsage => ({
  meter: name,
  period,
  used,
  reserved: 0,
  ...(included === undefined ? {} : { included }),
  resetsAt: '2026-12-01T00:00:00Z',
});

test('hosted runs come first, then at most four others, the fullest of them first', () => {
  const shown = metersToShow([
    meter('api.calls', 10, 10_000),
    meter('workflow.runs', 1, 50, 'day'),
    meter('traffic.out_bytes', 0, 100),
    meter('storage.bytes', 90, 100),
    meter('workflow.runs', 1, 1_000),
    meter('ai.tokens', 5, 100),
    meter('workflow.steps', 7),
  ]);
  expect(shown.map((one) => `${one.meter} ${one.period}`)).toEqual([
    'workflow.runs day',
    'workflow.runs month',
    'storage.bytes month',
    'ai.tokens month',
    'api.calls month',
    'traffic.out_bytes month',
  ]);
});

test('what has no limit and is not used is left out; an allowance of nothing counts as full', () => {
  const shown = metersToShow([meter('workflow.steps', 0), meter('api.calls', 1, 10), meter('ai.tokens', 0, 0)]);
  expect(shown.map((one) => one.meter)).toEqual(['ai.tokens', 'api.calls']);
  expect(metersToShow([meter('workflow.steps', 3)]).map((one) => one.meter)).toEqual(['workflow.steps']);
});
