import net, { type AddressInfo } from 'node:net';

export type Gate = { url: string; close(): Promise<void> };

/**
 * A listener of this machine's loopback on one more address, where containers reach it through their proxy. It passes
 * bytes on and knows nothing else, so that the listener itself can stay where it is.
 *
 * @param host the address to open the gate on, at a free port
 * @param targetUrl where it leads
 */
export async function openGate(host: string, targetUrl: string): Promise<Gate> {
  const target = new URL(targetUrl);
  const to = { host: target.hostname.replace(/^\[|\]$/g, ''), port: Number(target.port || 80) };
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(to);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => open.delete(socket));
    }
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => resolve());
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
