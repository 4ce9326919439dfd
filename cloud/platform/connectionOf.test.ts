import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { TLSSocket } from 'node:tls';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { connectionOf } from './connectionOf.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('an address says host, port, user, password and database', () => {
  expect(connectionOf('postgres://us%40er:p%3Aw@db.example.com/my%2Fdb')).toEqual({
    host: 'db.example.com',
    port: 5432,
    user: 'us@er',
    password: 'p:w',
    database: 'my/db',
  });
  expect(connectionOf('postgresql://u:p@[::1]:6543/x')).toMatchObject({ host: '::1', port: 6543 });
});

test('a setting that would not be kept is refused, without the password', () => {
  const refused = (query: string) => {
    try {
      connectionOf(`postgres://u:hunter2@db/x?${query}`);
    } catch (thrown) {
      return thrown as { code: string; message: string };
    }
    throw new Error('It was taken.');
  };
  for (const query of [
    'sslmode=prefer',
    'sslmode=allow',
    'sslmode=verify-ca',
    'pgbouncer=true',
    'sslrootcert=/x',
    'ssl=true',
  ]) {
    const { code, message } = refused(query);
    expect([query, code]).toEqual([query, 'config.invalid']);
    expect(message).not.toContain('hunter2');
  }
  expect(refused('sslmode=verify-full&sslrootcert=/no/such/file').message).toContain('/no/such/file');
  expect(connectionOf('postgres://u:p@db/x?sslmode=disable').ssl).toBeUndefined();
});

const SSL_REQUEST = 80_877_103;

/** Speaks as much of Postgres as the beginning of a line has; then it hangs up. */
async function fakePostgres(tls?: { key: Buffer; cert: Buffer }) {
  const heard: string[] = [];
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (first) => {
      if (first.readInt32BE(4) !== SSL_REQUEST) {
        heard.push('plain');
        socket.destroy();
        return;
      }
      heard.push('asked for encryption');
      socket.write(tls ? 'S' : 'N');
      if (!tls) return;
      const secure = new TLSSocket(socket, { isServer: true, ...tls });
      secure.on('error', () => undefined);
      secure.once('data', () => {
        heard.push('encrypted');
        secure.destroy();
      });
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const connect = async (query: string) => {
    heard.length = 0;
    const client = new pg.Client({
      ...connectionOf(`postgres://u:p@127.0.0.1:${port}/x?${query}`),
      connectionTimeoutMillis: 10_000,
    });
    client.on('error', () => undefined);
    const why = await client.connect().then(
      () => 'connected',
      (error: Error) => error.message,
    );
    return { heard: [...heard], why };
  };
  return { connect, close: () => server.close() };
}

test('a line that must be encrypted is not used where the server has no encryption', async () => {
  const { connect, close } = await fakePostgres();
  for (const mode of ['require', 'verify-full']) {
    const { heard, why } = await connect(`sslmode=${mode}`);
    expect(heard).toEqual(['asked for encryption']);
    expect(why).toContain('does not support SSL');
  }
  expect((await connect('sslmode=disable')).heard).toEqual(['plain']);
  close();
});

const openssl = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'openssl')));
if (!openssl) console.log('Skipped: the certificate of Postgres, because there is no openssl on PATH.');

test.skipIf(!openssl)('only verify-full looks at the certificate, and takes the one it was given', async () => {
  const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const flags = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'];
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile];
  execFileSync('openssl', [...flags, ...names], { stdio: 'pipe' });
  const { connect, close } = await fakePostgres({ key: readFileSync(keyFile), cert: readFileSync(certFile) });
  expect((await connect('sslmode=require')).heard).toEqual(['asked for encryption', 'encrypted']);
  const distrusted = await connect('sslmode=verify-full');
  expect(distrusted.heard).toEqual(['asked for encryption']);
  expect(distrusted.why).toMatch(/self-signed/);
  const trusted = await connect(`sslmode=verify-full&sslrootcert=${encodeURIComponent(certFile)}`);
  expect(trusted.heard).toEqual(['asked for encryption', 'encrypted']);
  close();
});
