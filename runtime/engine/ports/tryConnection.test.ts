import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { openSocket } from './openSocket.ts';
import { tryConnection, type WayOut } from './tryConnection.ts';

const way: WayOut = { fetch, connect: (target, signal) => openSocket({ ...target, signal }) };

/** A service that takes connections and says this much: nothing, or an answer. */
async function listening(says?: string): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (says !== undefined) socket.once('data', () => socket.end(says));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

const kinds = (port: number): [BoundConnection, string?][] => [
  [
    { connector: 'http', secret: { kind: 'bearer', token: 'canary-90' }, hosts: [`127.0.0.1:${port}`] },
    `http://127.0.0.1:${port}/`,
  ],
  [
    {
      connector: 'smtp',
      secret: {
        host: '127.0.0.1',
        port,
        encryption: 'none',
        user: 'robin',
        password: 'canary-90',
        from: 'a@example.com',
      },
      hosts: [],
    },
  ],
  [
    {
      connector: 'postgres',
      secret: { host: '127.0.0.1', port, database: 'a', user: 'robin', password: 'canary-90', tls: 'off' },
      hosts: [],
    },
  ],
];

test('a service that says nothing is given up on, and one that answers is not', async () => {
  const silent = await listening();
  for (const [connection, url] of kinds(silent)) {
    const tried = await tryConnection(way, connection, url, 300);
    expect(tried).toMatchObject({ ok: false, message: expect.stringContaining('did not answer within 300 ms') });
    expect(JSON.stringify(tried)).not.toContain('canary-90');
  }
  const answering = await listening('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  const [first] = kinds(answering);
  expect(first && (await tryConnection(way, first[0], first[1]))).toMatchObject({ ok: true });
});
