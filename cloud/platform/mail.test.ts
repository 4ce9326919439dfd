import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '#shared/log.ts';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { letterOf } from './letter.ts';
import { createLogger } from './logger.ts';
import { createMailTransport, type MailTransport } from './mail.ts';
import { createMail } from './mailOutbox.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-mail-'));
const letter = {
  to: 'robin@example.com',
  subject: 'Grüße',
  text: 'Open https://sluice.example/verify?token=a_b\n\nBye.',
};
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A real mail server on loopback, which keeps what it takes. @param refuse the answer it gives to a recipient, if any */
async function mailServer(refuse: () => { code: number } | undefined = () => undefined) {
  const taken: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onRcptTo(_address, _session, done) {
      const answer = refuse();
      if (answer) done(Object.assign(new Error('no'), { responseCode: answer.code }));
      else done();
    },
    onData(stream, _session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        taken.push(Buffer.concat(parts).toString('utf8'));
        done();
      });
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const address = server.server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const smtpUrl = new Secret(`smtp://127.0.0.1:${port}`);
  const transport = createMailTransport({ folder, from: 'Sluice <no-reply@sluice.example>', smtpUrl });
  return {
    taken,
    transport,
    close: async () => {
      transport.close();
      await new Promise<void>((done) => server.close(done));
    },
  };
}

function outbox(transport: MailTransport) {
  const log: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => void log.push(line) });
  return { log, ...createMail({ db: database.db, master: database.master, transport, logger }) };
}

const waiting = () =>
  database.ownerSql<{ id: string; attempts: number; sealed: Buffer | null; last_error: string | null; in_s: number }>(
    'select id, attempts, sealed, last_error, extract(epoch from due_at - now())::float as in_s from mail_outbox order by id',
  );
const becomesDue = () => database.ownerSql('update mail_outbox set due_at = now()');

test('without a mail server a letter is two whole files in the folder', async () => {
  const mail = createMailTransport({ folder, from: 'Sluice <no-reply@localhost>' });
  await mail.deliver(letter);
  const files = readdirSync(folder).sort();
  expect(files.map((file) => file.split('.')[1])).toEqual(['eml', 'json']);
  expect(JSON.parse(readFileSync(join(folder, files[1] ?? ''), 'utf8'))).toMatchObject(letter);
  expect(readFileSync(join(folder, files[0] ?? ''), 'utf8')).toMatch(
    /^From: Sluice <no-reply@localhost>\nTo: robin@example.com\n/,
  );
});

test('a mail server gets a text and an HTML part, and the same message id for the same letter', async () => {
  const server = await mailServer();
  await server.transport.deliver(letter, '0199f2c0-0000-7000-8000-000000000001');
  await server.transport.deliver(letter, '0199f2c0-0000-7000-8000-000000000001');
  await server.close();
  expect(server.taken).toHaveLength(2);
  for (const message of server.taken) {
    expect(message).toContain('Message-ID: <0199f2c0-0000-7000-8000-000000000001@sluice.example>');
    expect(message).toMatch(/multipart\/alternative[\s\S]*text\/plain[\s\S]*text\/html/);
    expect(message.replace(/=\r?\n/g, '')).toMatch(/href=3D"https:\/\/sluice.example\/verify\?token=3Da_b"/);
  }
});

test('a letter’s two parts say the same, and a name or a link brings neither lines nor markup of its own', () => {
  const { text, html, subject } = letterOf({
    to: 'a@example.com',
    subject: 'Join “<b>Mill</b>”\r\nBcc: x@example.com',
    name: 'Eve\r\n\r\nClick http://evil.example',
    before: ['<script>alert(1)</script> asks you.'],
    link: { label: 'Open', url: 'https://sluice.example/?a=1&b="2"' },
    after: ['Or leave it.'],
  });
  expect(subject).toBe('Join “<b>Mill</b>” Bcc: x@example.com');
  expect(text).toContain('Hello Eve Click http://evil.example,');
  for (const part of [text, html?.replace(/<[^>]+>/g, '') ?? '']) {
    for (const words of ['asks you.', 'Or leave it.', 'https://sluice.example/?a=1']) expect(part).toContain(words);
  }
  expect(html).not.toMatch(/<script|<b>|src=|url\(|href="[^"]*"2/);
});

test('a letter leaves with its transaction, or not at all', async () => {
  const server = await mailServer();
  const mail = outbox(server.transport);
  const actor = await newWorkspace(database);
  const failing = database.db.withWorkspace(actor, async (tx) => {
    await mail.post(tx, letter);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await mail.tick()).toBe(0);
  await database.db.withWorkspaceSql(actor, (sql) => mail.post(sql, letter));
  expect(await mail.tick()).toBe(1);
  expect(await mail.tick()).toBe(0);
  await server.close();
  expect(server.taken).toHaveLength(1);
  expect(await waiting()).toEqual([]);
});

test('what waits is sealed, and the app reads only the one letter that it names', async () => {
  const server = await mailServer();
  const mail = outbox(server.transport);
  await database.db.withoutTenant((tx) => mail.post(tx, letter));
  const [row] = await waiting();
  expect(row?.sealed?.toString('latin1')).not.toMatch(/robin|token|verify/);
  const seen = await database.db.withoutTenant((tx) => tx.mailOutbox.findMany());
  expect(seen).toEqual([]);
  const named = await database.db.withoutTenant(async (tx) => {
    await tx.$executeRaw`select set_config('app.mail_id', ${row?.id}, true)`;
    return tx.mailOutbox.findMany();
  });
  expect(named.map(({ id }) => id)).toEqual([row?.id]);
  await expect(database.db.withClaims((sql) => sql.query('select sealed from mail_outbox'))).rejects.toMatchObject({
    code: '42501',
  });
  await mail.tick();
  await server.close();
  expect(server.taken).toHaveLength(1);
});

test('while the mail server is away nothing is lost and nobody fails: each try comes later than the one before', async () => {
  let away = true;
  const server = await mailServer(() => (away ? { code: 451 } : undefined));
  const mail = outbox(server.transport);
  await mail.send(letter);
  const waits: number[] = [];
  for (let tries = 1; tries <= 3; tries++) {
    const [row] = await waiting();
    expect(row).toMatchObject({ attempts: tries, last_error: '451' });
    waits.push(row?.in_s ?? 0);
    expect(await mail.tick()).toBe(0);
    await becomesDue();
    away = tries < 3;
    expect(await mail.tick()).toBe(1);
  }
  expect(waits[1]).toBeGreaterThan(200);
  expect(waits[2]).toBeGreaterThan(1_500);
  await server.close();
  expect(server.taken).toHaveLength(1);
  expect(await waiting()).toEqual([]);
  expect(mail.log.join('')).not.toMatch(/robin@|a_b/);
});

test('a letter that will never be taken is given up at once, its words are gone and its row says why', async () => {
  const server = await mailServer(() => ({ code: 550 }));
  const mail = outbox(server.transport);
  await mail.send(letter);
  expect(await waiting()).toMatchObject([{ attempts: 1, sealed: null, last_error: '550' }]);
  await becomesDue();
  expect(await mail.tick()).toBe(1);
  expect(await waiting()).toEqual([]);
  await server.close();
  expect(server.taken).toEqual([]);
});

test('a mail server that is not there is an error that can be tried again', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  const port = typeof address === 'object' ? address?.port : 0;
  const smtpUrl = new Secret(`smtp://127.0.0.1:${port}`);
  const mail = createMailTransport({ folder, from: 'a@b.example', smtpUrl });
  await expect(mail.deliver(letter)).rejects.toMatchObject({ code: 'service.unavailable', details: { final: false } });
});

test('two processes never send the same letter', async () => {
  const server = await mailServer();
  const [one, two] = [outbox(server.transport), outbox(server.transport)];
  await database.db.withoutTenant(async (tx) => {
    for (let n = 0; n < 12; n++) await one.post(tx, { ...letter, subject: `no. ${n}` });
  });
  const tried = await Promise.all([one.tick(), two.tick(), one.tick(), two.tick()]);
  expect(tried.reduce((sum, n) => sum + n, 0)).toBe(12);
  await server.close();
  const subjects = server.taken.map((message) => /^Subject: (.*)$/m.exec(message)?.[1]?.trim());
  expect(subjects.sort()).toEqual(Array.from({ length: 12 }, (_, n) => `no. ${n}`).sort());
});
