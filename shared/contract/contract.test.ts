import { expect, test } from 'vitest';
import { z } from 'zod';
import { createClient } from './contract.ts';

const Item = z.strictObject({
  id: z.int(),
  kind: z.discriminatedUnion('type', [z.strictObject({ type: z.literal('a') })]),
});
const contract = {
  items: { list: { input: z.strictObject({}), output: z.strictObject({ data: z.array(Item) }) } },
};
const answering = (answer: unknown) => createClient(contract, async () => answer).items.list({});

test('a client leaves out what a newer server says beyond its contract', async () => {
  const kind = { type: 'a', more: 2 };
  const newer = {
    data: [
      { id: 1, kind, since: 'today' },
      { id: 2, kind: { type: 'a' } },
    ],
    total: 2,
  };
  expect(await answering(newer)).toEqual({
    data: [
      { id: 1, kind: { type: 'a' } },
      { id: 2, kind: { type: 'a' } },
    ],
  });
  // What was answered is not changed for others who hold it.
  expect(newer.total).toBe(2);
});

test('it still refuses an answer that is not what the contract says', async () => {
  await expect(answering({ data: [{ id: 'one', kind: { type: 'a' } }], total: 2 })).rejects.toMatchObject({
    code: 'internal',
  });
  await expect(answering({ total: 2 })).rejects.toMatchObject({ code: 'internal' });
});
