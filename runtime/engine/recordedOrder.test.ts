import { expect, test } from 'vitest';
import type { EventOf } from '#shared/run/events.ts';
import { createRecordedOrder } from './recordedOrder.ts';

const recorded = (seq: number, stepId: string, error?: string) =>
  ({
    type: 'effect.recorded',
    seq,
    stepId,
    ...(error ? { error: { code: 'http.failed', message: error } } : { result: 1 }),
  }) as unknown as EventOf<'effect.recorded'>;
const keyOf = ({ stepId }: EventOf<'effect.recorded'>) => stepId;

test('answers that are asked for at once are given in the order in which they came, each with what follows from it', async () => {
  const turn = createRecordedOrder([recorded(3, 'b'), recorded(5, 'a'), recorded(9, 'after b')], keyOf);
  const given: string[] = [];
  const ask = async (key: string, then?: string) => {
    await turn(key);
    given.push(key);
    if (then) await ask(then);
  };
  // The first of two lanes asks first, though the second was answered first, and asked again before the first was answered.
  await Promise.all([ask('a'), ask('b', 'after b')]);
  expect(given).toEqual(['b', 'a', 'after b']);

  const other = createRecordedOrder([recorded(3, 'b'), recorded(5, 'after b'), recorded(9, 'a')], keyOf);
  const order: string[] = [];
  const askOther = async (key: string, then?: string) => {
    await other(key);
    order.push(key);
    if (then) await askOther(then);
  };
  await Promise.all([askOther('a'), askOther('b', 'after b')]);
  expect(order).toEqual(['b', 'after b', 'a']);
});

test('nobody waits for what was not recorded, for what failed, or a second time', async () => {
  const turn = createRecordedOrder([recorded(1, 'a'), recorded(2, 'failed', 'away')], keyOf);
  expect(turn('new')).toBeUndefined();
  expect(turn('failed')).toBeUndefined();
  await turn('a');
  expect(turn('a')).toBeUndefined();
});

test('one that waits for an answer before it, which nobody asks for any more, is not held up', async () => {
  const turn = createRecordedOrder([recorded(1, 'gone'), recorded(2, 'a')], keyOf);
  await turn('a');
  expect(turn('gone')).toBeInstanceOf(Promise);
});
