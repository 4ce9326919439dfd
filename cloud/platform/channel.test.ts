import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { type Channel, createLocalChannel, openChannel } from './channel.ts';

type Message = { n: number; text?: string };
let database: TestDatabase;
let one: Channel<Message>;
let two: Channel<Message>;
beforeAll(async () => {
  database = await createTestDatabase();
  const connection = database.as('sluice_app');
  one = await openChannel<Message>({ connection, name: 'test' });
  two = await openChannel<Message>({ connection, name: 'test' });
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await database.close();
});

function heard(channel: Channel<Message>, count: number): Promise<Message[]> {
  return new Promise((done) => {
    const messages: Message[] = [];
    const stop = channel.subscribe((message) => {
      messages.push(message);
      if (messages.length < count) return;
      stop();
      done(messages);
    });
  });
}

test('what one process publishes, every process hears once and in order, itself at once', async () => {
  const here = heard(one, 500);
  const there = heard(two, 500);
  const sent = Array.from({ length: 500 }, (_, n) => ({ n, text: 'ü'.repeat(50) }));
  for (const message of sent) one.publish(message);
  expect(await here).toEqual(sent);
  expect(await there).toEqual(sent);
});

test('a channel whose connection broke comes back', async () => {
  const connection = { ...database.as('sluice_app'), application_name: 'x' };
  const errors: Error[] = [];
  const fragile = await openChannel<Message>({ connection, name: 'fragile', onError: (error) => errors.push(error) });
  const sender = await openChannel<Message>({ connection, name: 'fragile' });
  await database.ownerSql(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'channel fragile' and datname = current_database()`,
  );
  const again = heard(fragile, 1);
  const asking = setInterval(() => sender.publish({ n: 1 }), 100);
  expect(await again).toEqual([{ n: 1 }]);
  clearInterval(asking);
  expect(errors.length).toBeGreaterThan(0);
  await Promise.all([fragile.close(), sender.close()]);
});

test('a listener that throws keeps nobody else from hearing', () => {
  const errors: Error[] = [];
  const channel = createLocalChannel<Message>((error) => errors.push(error));
  const messages: Message[] = [];
  channel.subscribe(() => {
    throw new Error('mine');
  });
  const stop = channel.subscribe((message) => messages.push(message));
  channel.publish({ n: 1 });
  stop();
  channel.publish({ n: 2 });
  expect(messages).toEqual([{ n: 1 }]);
  expect(errors.map(({ message }) => message)).toEqual(['mine', 'mine']);
});
