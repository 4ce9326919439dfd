import net from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, expect, test } from 'vitest';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { createMailPort, type MailAttachment, type MailMessage } from './mail.ts';
import { mailAddress } from './mailAddress.ts';
import { createVirtualClock } from './virtualClock.ts';

type Received = { from: string; to: string[]; text: string };
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function startServer(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(parts).toString(),
        });
        done();
      });
    },
    ...options,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  closing.push(() => server.close(() => {}));
  const { port } = server.server.address() as net.AddressInfo;
  return { received, connection: connectionTo(port) };
}

function connectionTo(port: number, more: object = {}): BoundConnection {
  const secret = { host: '127.0.0.1', port, encryption: 'none', from: 'Sluice <from@example.com>', ...more };
  return { connector: 'smtp', secret, hosts: [] };
}

const options = (connection: BoundConnection, effectKey = 'a1b2') => ({
  stepId: 's',
  connection,
  effectKey,
  signal: new AbortController().signal,
});
const letter: MailMessage = { to: 'robin@example.com', subject: 'Hello', text: 'Dear Robin' };
const send = (
  connection: BoundConnection,
  change: Partial<MailMessage> & { files?: MailAttachment[] } = {},
  key?: string,
) => createMailPort({ env: {} }).send({ files: [], ...letter, ...change }, options(connection, key));

test('a message comes with its parts, its files and an id made of its key', async () => {
  const { received, connection } = await startServer();
  const reply = await send(connection, {
    to: ['Robin <robin@example.com>', 'kim@example.com'],
    cc: 'lee@example.com',
    bcc: 'hidden@example.com',
    replyTo: 'reply@example.com',
    subject: 'Grüße',
    html: '<p>Hi</p>',
    files: [{ name: 'a/b.csv', mime: 'text/csv', bytes: new TextEncoder().encode('1,2') }],
  });
  expect(reply).toEqual({
    messageId: '<a1b2@example.com>',
    accepted: ['robin@example.com', 'kim@example.com', 'lee@example.com', 'hidden@example.com'],
    rejected: [],
  });
  const [mail] = received;
  expect(mail?.to).toHaveLength(4);
  expect(mail?.text).toContain('Message-ID: <a1b2@example.com>');
  expect(mail?.text).toContain('Subject: =?UTF-8?');
  expect(mail?.text).toContain('filename=a_b.csv');
  expect(mail?.text).toContain(Buffer.from('1,2').toString('base64'));
  expect(mail?.text).toContain('Reply-To: reply@example.com');
  expect(mail?.text).not.toContain('hidden@example.com');
});

test.each([
  { to: 'robin@example.com\r\nBcc: evil@example.com' },
  { to: 'robin@example.com\nBcc: evil@example.com' },
  { to: ['Robin\r\nBcc: evil@example.com <robin@example.com>'] },
  { to: 'robin@example.com> RCPT TO:<evil@example.com' },
  { to: '"a\r\n" <robin@example.com>' },
  { replyTo: 'a@example.com\r\nX-Evil: 1' },
  { from: 'a@example.com\r\nX-Evil: 1' },
  { subject: 'Hello\r\nBcc: evil@example.com' },
  { subject: 'Hello\nX: 1' },
  { subject: 'Hello\u0085X: 1' },
  { files: [{ name: 'a"\r\nX-Evil: 1', mime: 'text/plain', bytes: new Uint8Array() }] },
] as (Partial<MailMessage> & { files?: MailAttachment[] })[])('no header can be put in by %j', async (change) => {
  const { received, connection } = await startServer();
  await expect(send(connection, change)).rejects.toMatchObject({ code: 'config.invalid' });
  expect(received).toEqual([]);
});

test('a type or a name that would be a path or a header is harmless', async () => {
  const { received, connection } = await startServer();
  await send(connection, {
    files: [{ name: '../../etc/passwd', mime: 'text/plain\r\nX-Evil: 1', bytes: new Uint8Array([1]) }],
  });
  expect(received[0]?.text).not.toMatch(/^X-Evil/m);
  expect(received[0]?.text).toContain('application/octet-stream');
});

test.each([
  'robin',
  '@example.com',
  'a@b@c',
  'a b@example.com',
  'a..b@example.com',
  '.a@example.com',
  'a@-b.example',
  'a@b..c',
  '(x)a@example.com',
  'a@[127.0.0.1]',
  '',
])('%j is no address', (text) => {
  expect(() => mailAddress(text, 'To')).toThrow(expect.objectContaining({ code: 'config.invalid' }));
});

test('addresses in other scripts and with names are taken', () => {
  expect(mailAddress('"Müller, Jörg" <j.m+x@bücher.example>', 'To')).toEqual({
    name: 'Müller, Jörg',
    address: 'j.m+x@xn--bcher-kva.example',
  });
});

test('without recipients or text, and above each limit, nothing is sent', async () => {
  const { received, connection } = await startServer();
  await expect(send(connection, { to: '' })).rejects.toMatchObject({ code: 'config.invalid' });
  await expect(send(connection, { text: undefined })).rejects.toMatchObject({ code: 'config.invalid' });
  const many = (count: number) => Array.from({ length: count }, (_, n) => `a${n}@example.com`);
  await expect(send(connection, { to: many(101) })).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { limit: 100 },
  });
  const file = (bytes: number) => ({ name: 'x', mime: 'text/plain', bytes: new Uint8Array(bytes) });
  await expect(send(connection, { files: Array.from({ length: 21 }, () => file(1)) })).rejects.toMatchObject({
    code: 'limit.exceeded',
  });
  await expect(send(connection, { files: [file(20 * 1024 * 1024 + 1)] })).rejects.toMatchObject({
    code: 'limit.exceeded',
  });
  await expect(send(connection, { subject: 'x'.repeat(501) })).rejects.toMatchObject({ code: 'limit.exceeded' });
  expect(received).toEqual([]);
  expect((await send(connection, { to: many(100) })).accepted).toHaveLength(100);
});

test('the server’s answer decides: wrong password, refused, later, some recipients', async () => {
  const refusing = await startServer({ authOptional: false, onAuth: (_auth, _session, done) => done(new Error('no')) });
  const secret = { ...refusing.connection.secret, user: 'u', password: 'the-password' };
  await expect(send({ ...refusing.connection, secret })).rejects.toMatchObject({
    code: 'connector.rejected',
    message: expect.not.stringContaining('the-password'),
  });
  const failing = (responseCode: number, only?: string) =>
    startServer({
      onRcptTo: ({ address }, _session, done) =>
        done(only && !address.startsWith(only) ? undefined : Object.assign(new Error('not here'), { responseCode })),
    });
  await expect(send((await failing(550)).connection)).rejects.toMatchObject({
    code: 'connector.rejected',
    details: { reason: '550' },
  });
  await expect(send((await failing(451)).connection)).rejects.toMatchObject({ code: 'connector.unavailable' });
  expect(
    await send((await failing(550, 'kim')).connection, { to: ['robin@example.com', 'kim@example.com'] }),
  ).toMatchObject({
    accepted: ['robin@example.com'],
    rejected: ['kim@example.com'],
  });
});

test('signed in with user and password', async () => {
  const seen: unknown[] = [];
  const { connection } = await startServer({
    authOptional: false,
    onAuth(auth, _session, done) {
      seen.push([auth.username, auth.password]);
      done(null, { user: 'u' });
    },
  });
  await send({ ...connection, secret: { ...connection.secret, user: 'u', password: 'p' } });
  expect(seen).toEqual([['u', 'p']]);
});

test('cut off before the message left it was not sent; afterwards it may have been', async () => {
  const cutting = async (command: string) => {
    const server = net.createServer((socket) => {
      socket.write('220 test\r\n');
      socket.on('error', () => {});
      socket.on('data', (part) => {
        const text = part.toString();
        if (text.startsWith(command) || (command === 'body' && text.includes('Dear Robin'))) socket.destroy();
        else if (text.startsWith('DATA')) socket.write('354 go on\r\n');
        else socket.write('250 ok\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close());
    return connectionTo((server.address() as net.AddressInfo).port);
  };
  for (const command of ['EHLO', 'MAIL', 'RCPT', 'DATA']) {
    await expect(send(await cutting(command)), command).rejects.toMatchObject({ code: 'connector.unavailable' });
  }
  await expect(send(await cutting('body'))).rejects.toMatchObject({ code: 'connector.unclear' });
});

test('a server without encryption is refused where encryption is asked for', async () => {
  const { connection, received } = await startServer();
  const secret = { ...connection.secret, encryption: 'starttls' };
  await expect(send({ ...connection, secret })).rejects.toMatchObject({ code: 'connector.rejected' });
  await expect(send({ ...connection, secret: { ...secret, encryption: 'tls' } })).rejects.toMatchObject({
    code: expect.stringMatching(/^connector\.(rejected|unavailable)$/),
  });
  // Its own certificate proves nothing.
  const withTls = await startServer({ disabledCommands: [] });
  await expect(
    send({ ...withTls.connection, secret: { ...withTls.connection.secret, encryption: 'starttls' } }),
  ).rejects.toMatchObject({
    code: 'connector.rejected',
  });
  expect([...received, ...withTls.received]).toEqual([]);
});

test('nobody listening and another host than allowed are named', async () => {
  await expect(send(connectionTo(1))).rejects.toMatchObject({ code: 'connector.unavailable' });
  await expect(send({ ...connectionTo(1), hosts: ['smtp.example.com'] })).rejects.toMatchObject({
    code: 'connection.host_not_allowed',
  });
  await expect(send({ ...connectionTo(1), connector: 'http' })).rejects.toMatchObject({ code: 'config.invalid' });
});

test('the one message too many of a minute waits for its turn; another connection does not', async () => {
  const { connection, received } = await startServer();
  const other = await startServer();
  const clock = createVirtualClock(1_000_000);
  const port = createMailPort({ env: {}, clock, perMinute: 3 });
  for (let n = 0; n < 3; n++) await port.send({ ...letter, files: [] }, options(connection));
  expect(clock.now()).toBe(1_000_000);
  await port.send({ ...letter, files: [] }, options(other.connection));
  expect(clock.now()).toBe(1_000_000);
  await port.send({ ...letter, files: [] }, options(connection));
  expect(clock.now()).toBe(1_060_000);
  expect(received).toHaveLength(4);
});
