import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { Change } from '../state/document.ts';
import { createSaveLoop, type Queued, type SaveState } from './saveLoop.ts';

const workflowId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const rename = (id: number): Queued => ({
  id,
  change: { kind: 'edits', edits: [{ type: 'renameWorkflow', workflowId, name: `n${id}` }] },
});
const undo = (id: number): Queued => ({
  id,
  change: { kind: 'ops', ops: [{ op: 'set', path: ['project', 'name'], value: 'x', was: null }] },
});
const namesOf = (change: Change) =>
  change.kind === 'ops'
    ? ['ops']
    : change.edits.map((edit) => ('name' in edit && edit.name !== undefined ? edit.name : edit.type));

function loopWith(answer: (names: string[], call: number) => number) {
  const sent: string[][] = [];
  const kept: [number[], number][] = [];
  const refused: number[][] = [];
  const states: SaveState['state'][] = [];
  const slept: number[] = [];
  const loop = createSaveLoop({
    send: async (change) => {
      sent.push(namesOf(change));
      return answer(namesOf(change), sent.length);
    },
    onSent: () => {},
    onKept: (ids, revision) => kept.push([ids, revision]),
    onRefused: (ids) => refused.push(ids),
    onState: (state) => states.push(state.state),
    sleep: async (ms) => {
      slept.push(ms);
    },
  });
  return { loop, sent, kept, refused, states, slept };
}

test('edits that wait go together, and undo goes on its own', async () => {
  const { loop, sent, kept } = loopWith((_, call) => call);
  for (const entry of [rename(1), rename(2), undo(3), rename(4)]) loop.add(entry);
  await loop.drained();
  expect(sent).toEqual([['n1', 'n2'], ['ops'], ['n4']]);
  expect(kept).toEqual([
    [[1, 2], 1],
    [[3], 2],
    [[4], 3],
  ]);
});

test('what did not arrive is sent again, in order, with growing pauses, and the state says so', async () => {
  const { loop, sent, states, slept } = loopWith((_, call) => {
    if (call < 4) throw new SluiceError('service.unavailable', 'The host is away.');
    return 1;
  });
  loop.add(rename(1));
  await loop.drained();
  expect(sent).toEqual([['n1'], ['n1'], ['n1'], ['n1']]);
  expect(slept).toEqual([250, 500, 1_000]);
  expect(states).toContain('cannot_save');
  expect(states.at(-1)).toBe('saved');
});

test('a full disk loses nothing: the change is kept until there is room', async () => {
  const { loop, kept, refused } = loopWith((_, call) => {
    if (call < 3) throw new SluiceError('disk.failed', 'The disk is full.');
    return 7;
  });
  loop.add(rename(1));
  await loop.drained();
  expect(kept).toEqual([[[1], 7]]);
  expect(refused).toEqual([]);
});

test('one edit that is refused does not take the others with it', async () => {
  const { loop, kept, refused } = loopWith((names, call) => {
    if (names.includes('n2')) throw new SluiceError('edit.invalid', 'There is no such step.');
    return call;
  });
  for (const entry of [rename(1), rename(2), rename(3)]) loop.add(entry);
  await loop.drained();
  expect(refused).toEqual([[2]]);
  expect(kept.flatMap(([ids]) => ids)).toEqual([1, 3]);
});

test('what is added while a request is under way goes with the next one', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const sent: string[][] = [];
  const loop = createSaveLoop({
    send: async (change) => {
      sent.push(namesOf(change));
      await gate;
      return sent.length;
    },
    onSent: () => {},
    onKept: () => {},
    onRefused: () => {},
    onState: () => {},
    sleep: async () => {},
  });
  loop.add(rename(1));
  await Promise.resolve();
  await Promise.resolve();
  loop.add(rename(2));
  loop.add(rename(3));
  release();
  await loop.drained();
  expect(sent).toEqual([['n1'], ['n2', 'n3']]);
});
