import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type Filed = { idempotencyKey: string; key: string; score: number };

/** The tracker of the demo: logs every request, and files an idempotency key once. */
export type Receiver = {
  url: string;
  hostPort: string;
  /** Every request that came, repeated ones too. */
  requests: Filed[];
  /** What was filed: one entry per idempotency key. */
  filed: Map<string, Filed>;
  /** Answers later, so that work can be interrupted. */
  slowDown(ms: number): void;
  /** Begins to count anew. */
  forget(): void;
  close(): Promise<void>;
};

export async function startReceiver(host: string): Promise<Receiver> {
  const requests: Filed[] = [];
  const filed = new Map<string, Filed>();
  let delay = 0;
  const server = createServer((request, response) => {
    void text(request).then(async (body) => {
      const idempotencyKey = String(request.headers['idempotency-key'] ?? '');
      const { key, score } = JSON.parse(body) as { key: string; score: number };
      const entry = { idempotencyKey, key, score };
      requests.push(entry);
      if (!filed.has(idempotencyKey)) filed.set(idempotencyKey, entry);
      await new Promise((resolve) => setTimeout(resolve, delay));
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id: filed.size }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    hostPort: `${host}:${port}`,
    requests,
    filed,
    forget() {
      requests.length = 0;
      filed.clear();
    },
    slowDown(ms) {
      delay = ms;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
