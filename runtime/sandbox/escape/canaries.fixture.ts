import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Place = {
  /** A file with the secret in it, in `folder`. */
  file: string;
  folder: string;
  /** A file that nobody but an escaped payload would make. */
  mark: string;
  port: number;
  /** The name of the environment variable, and of the global, that hold the secret in our own process. */
  name: string;
  /** Of another tenant: in our own memory, and in a call before. */
  secret: string;
};

/** Secrets where no payload may get, and the means to see that one did. */
export async function plantCanaries() {
  const folder = mkdtempSync(join(tmpdir(), 'canary-'));
  const secret = `canary-${randomBytes(12).toString('hex')}`;
  const file = join(folder, 'secret.txt');
  writeFileSync(file, secret);
  const name = 'SLUICE_CANARY';
  process.env[name] = secret;
  Object.defineProperty(globalThis, name, { value: secret, configurable: true, writable: true, enumerable: true });
  let visits = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    visits += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nreached');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const place: Place = {
    file,
    folder,
    mark: join(folder, 'mark'),
    port: typeof address === 'object' && address ? address.port : 0,
    name,
    secret,
  };
  const before = shapeOfGlobals();
  const encoded = [
    secret,
    [...secret].reverse().join(''),
    Buffer.from(secret).toString('base64').slice(4, 24),
    Buffer.from(secret).toString('hex'),
  ];

  return {
    place,
    /** Which canaries were reached since they were planted, with what a payload gave back. */
    reached(given: unknown): string[] {
      const text = typeof given === 'string' ? given : (JSON.stringify(given) ?? '');
      const found: string[] = [];
      if (encoded.some((one) => text.includes(one))) found.push('a secret was read');
      if (visits > 0) found.push('the network was reached');
      if (existsSync(place.mark)) found.push('a file was written');
      if (shapeOfGlobals() !== before) found.push('our own built-in objects were changed');
      return found;
    },
    /** Takes back what the last payload reached, so that the next starts clean. */
    reset(): void {
      visits = 0;
      rmSync(place.mark, { force: true });
    },
    async remove(): Promise<void> {
      delete process.env[name];
      Reflect.deleteProperty(globalThis, name);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What of our own world a payload could have changed: the properties of the objects that all others come from. */
function shapeOfGlobals(): string {
  const roots = [Object, Function, Array, String, Number, Promise, Map, Error, RegExp, Symbol];
  const owners = [...roots, ...roots.map(({ prototype }) => prototype as object), JSON, Reflect, Math];
  return owners.map((owner) => Reflect.ownKeys(owner).map(String).join()).join(';');
}
