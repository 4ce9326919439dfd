import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { runTree, sketchTree } from '../../../tests/fixtures/engine.ts';
import type { MailPort } from '../../engine/ports/mail.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { send } from './mail.ts';

type Sent = Parameters<MailPort['send']>[0];

function recorder(act: (message: Sent, key: string) => void = () => {}) {
  const sent: Sent[] = [];
  const mail: MailPort = {
    async send(message, { effectKey }) {
      sent.push(message);
      act(message, effectKey);
      return { messageId: `<${effectKey}@example.com>`, accepted: [String(message.to)], rejected: [] };
    },
  };
  return { mail, sent };
}

test('each item is a message, with the files it names', async () => {
  const { mail, sent } = recorder();
  const { run, files } = createWorld({ mail });
  const file = await files.keep(new Uint8Array([1, 2]), { mime: 'text/csv', name: 'a.csv' });
  const config = { to: 'robin@example.com', subject: 'Hi', text: 'x', attachments: ['report'] };
  const { main } = await run(send, config, [{ json: { n: 1 }, binary: { report: file } }]);
  expect(jsonOf(main)).toEqual([
    { n: 1, sent: { messageId: '<effect-1@example.com>', accepted: ['robin@example.com'], rejected: [] } },
  ]);
  expect(sent[0]?.files).toEqual([{ name: 'a.csv', mime: 'text/csv', bytes: new Uint8Array([1, 2]) }]);
  await expect(run(send, config, itemsOf({}))).rejects.toMatchObject({
    code: 'data.invalid',
    message: expect.stringContaining('report'),
  });
  await expect(run(send, { to: 'a@example.com', subject: 'x'.repeat(501), text: 'x' }, itemsOf({}))).rejects.toThrow();
});

const tree = (config: object, retry?: { count: number; delayMs: number; backoff: 'fixed' }) =>
  sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      post: {
        uses: 'mail.send',
        ...(retry ? { retry } : {}),
        connection: 'mail',
        config: { to: 'robin@example.com', subject: 'Hi', text: 'x', ...config },
      },
    },
    edges: ['start -> post'],
  });
const connections = {
  mail: { connector: 'smtp', secret: { host: 'h', from: 'a@example.com', password: 'very-secret' }, hosts: [] },
};

test('a message of which it is not known whether it was sent is not sent again without a person', async () => {
  const broken = recorder(() => {
    throw new SluiceError('connector.unclear', 'cut');
  });
  const { events } = await runTree(tree({}), { items: [{}], mail: broken.mail, connections });
  expect(broken.sent).toHaveLength(1);
  expect(events.at(-1)).toMatchObject({ type: 'run.waiting', reason: 'needs_attention' });
  const again = recorder();
  const second = await runTree(tree({}), { items: [{}], mail: again.mail, connections, events });
  expect(again.sent).toEqual([]);
  expect(second.events.at(-1)).toMatchObject({ type: 'run.waiting', reason: 'needs_attention' });
});

test('where the step says so it is sent again, under the same id, or fails', async () => {
  const keys: string[] = [];
  const flaky = recorder((_message, key) => {
    keys.push(key);
    if (keys.length === 1) throw new SluiceError('connector.unclear', 'cut');
  });
  const retried = await runTree(tree({ onAmbiguous: 'retry' }, { count: 1, delayMs: 10, backoff: 'fixed' }), {
    items: [{}],
    mail: flaky.mail,
    connections,
  });
  expect(retried.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'succeeded' });
  expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  const broken = recorder(() => {
    throw new SluiceError('connector.unclear', 'cut');
  });
  const failed = await runTree(tree({ onAmbiguous: 'fail' }), { items: [{}], mail: broken.mail, connections });
  expect(failed.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'failed' });
  expect(broken.sent).toHaveLength(1);
});

test('what surely was not sent is tried again by itself, and no secret comes into the journal', async () => {
  let tries = 0;
  const busy = recorder(() => {
    tries += 1;
    if (tries < 3) throw new SluiceError('connector.unavailable', 'later');
  });
  const { events } = await runTree(tree({ text: 'my very-secret text' }), {
    items: [{}],
    mail: busy.mail,
    connections,
  });
  expect(events.at(-1)).toMatchObject({ type: 'run.ended', status: 'succeeded' });
  expect(tries).toBe(3);
  expect(JSON.stringify(events.filter((event) => event.type.startsWith('effect.')))).not.toContain('very-secret');
});
