import { expect, test } from 'vitest';
import { acceptFix, type PreviewData, preview, previewScope } from './preview.ts';

const data: PreviewData = {
  items: [{ json: { title: 'First', net: 12, customer: { tier: 'B' } } }, { json: { title: 'Second', net: 5 } }],
  itemIndex: 0,
  outputOf: (ref) => (ref === 'order_k3f9' ? [{ json: { id: 1 } }, { json: { id: 2 } }] : undefined),
  stepExists: (ref) => ref === 'order_k3f9' || ref === 'later_2c7x',
  trigger: { body: { action: 'opened' } },
  env: { rate: 0.5 },
  workflow: { id: '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01', name: 'Orders' },
  timezone: 'UTC',
  now: () => Date.UTC(2026, 10, 20),
};
const at = (itemIndex: number) => previewScope({ ...data, itemIndex });

test('the result is that of the current item', () => {
  expect(preview('=$json.net * $env.rate', at(0))).toMatchObject({ kind: 'value', value: 6 });
  expect(preview('=$json.net * $env.rate', at(1))).toMatchObject({ kind: 'value', value: 2.5 });
});

test('the inputs that were used stand beside the result', () => {
  expect(preview('=$json.net * $env.rate', at(0))).toMatchObject({
    used: [
      { name: 'net', value: 12 },
      { name: 'rate', value: 0.5 },
    ],
  });
});

test('a template is filled in', () => {
  expect(preview('Hi {{ $json.title }}', at(1))).toMatchObject({ kind: 'value', value: 'Hi Second' });
});

test('another step is read at the same place', () => {
  expect(preview("=$('order_k3f9').item.json.id", at(1))).toMatchObject({ kind: 'value', value: 2 });
});

test('a misspelt field names the nearest one, and accepting it mends the text', () => {
  const source = '=$json.custmer.tier';
  const wrong = preview(source, at(0));
  if (wrong.kind !== 'error' || !wrong.fix) throw new Error('no fix was offered');
  expect(wrong.fix.nearest).toBe('customer');
  const mended = acceptFix(source, wrong.fix);
  expect(mended).toBe('=$json.customer.tier');
  expect(preview(mended, at(0))).toMatchObject({ kind: 'value', value: 'B' });
});

test('text that does not parse is told, not thrown', () => {
  expect(preview('=$json.', at(0)).kind).toBe('error');
});

test('a replacement goes to the place of the error, not to an earlier use of the same letters', () => {
  expect(acceptFix('=$json.dis + $json.dis', { found: 'dis', nearest: 'discount', offset: 13 })).toBe(
    '=$json.dis + $json.discount',
  );
});
