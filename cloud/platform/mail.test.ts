import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Secret } from '#shared/log.ts';
import { createMail } from './mail.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-mail-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const letter = { to: 'robin@example.com', subject: 'Grüße', text: 'Open https://sluice.example/verify?token=a_b' };

test('without a mail server a letter is two whole files in the folder', async () => {
  const mail = createMail({ folder, from: 'Sluice <no-reply@localhost>' });
  await mail.send(letter);
  const files = readdirSync(folder).sort();
  expect(files.map((file) => file.split('.')[1])).toEqual(['eml', 'json']);
  expect(JSON.parse(readFileSync(join(folder, files[1] ?? ''), 'utf8'))).toMatchObject(letter);
  expect(readFileSync(join(folder, files[0] ?? ''), 'utf8')).toMatch(
    /^From: Sluice <no-reply@localhost>\nTo: robin@example.com\n/,
  );
});

test('with a mail server the letter goes there', async () => {
  const received: string[] = [];
  const server = createServer((socket) => talk(socket, received)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const mail = createMail({ folder, from: 'no-reply@sluice.example', smtpUrl: new Secret(`smtp://127.0.0.1:${port}`) });
  await mail.send(letter);
  mail.close();
  server.close();
  expect(received.join('')).toContain('/verify?token=a_b');
});

test('a mail server that does not answer is an error that can be tried again', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  const mail = createMail({
    folder,
    from: 'a@b.example',
    smtpUrl: new Secret(`smtp://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`),
  });
  await expect(mail.send(letter)).rejects.toMatchObject({ code: 'service.unavailable' });
});

/** As much SMTP as one letter needs. */
function talk(socket: Socket, received: string[]): void {
  let inData = false;
  socket.write('220 test\r\n');
  socket.on('data', (chunk) => {
    const text = chunk.toString();
    if (inData) {
      received.push(text);
      if (text.endsWith('\r\n.\r\n')) {
        inData = false;
        socket.write('250 ok\r\n');
      }
    } else if (/^DATA/i.test(text)) {
      inData = true;
      socket.write('354 go on\r\n');
    } else if (/^QUIT/i.test(text)) socket.end('221 bye\r\n');
    else socket.write('250 ok\r\n');
  });
}
