import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on a free port of this machine and says where, in one line of JSON, as `sluice serve` does. Ends on SIGTERM. */
export function listen(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`${JSON.stringify({ listening: { url: `http://127.0.0.1:${port}` } })}\n`);
  });
  process.on('SIGTERM', () => process.exit(0));
}
