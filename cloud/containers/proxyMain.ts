import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { Secret } from '#shared/log.ts';
import { normalAddress } from './addressRules.ts';
import { createEgressPolicy } from './egressPolicy.ts';
import { createEgressProxy } from './egressProxy.ts';
import { readProxyAuthorization } from './egressToken.ts';

// The egress proxy as a program of its own, in its own container. It tells what happened as JSON lines on stdout.

const List = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter(Boolean));
const Env = z.object({
  EGRESS_KEY: z.string().min(32),
  EGRESS_AGENT: z.string(),
  EGRESS_ALLOW_PRIVATE: List,
  EGRESS_OWN: List,
  /** `from=to`, each a host and a port. */
  EGRESS_FORWARD: List.transform((entries) =>
    Object.fromEntries(entries.map((entry) => entry.split('=') as [string, string])),
  ),
  EGRESS_PORT: z.coerce.number().int(),
});

const env = Env.parse(process.env);
const key = new Secret(env.EGRESS_KEY);
const own = [
  ...env.EGRESS_OWN,
  ...Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((i) => i.address)),
];

const server = createEgressProxy({
  decide: createEgressPolicy({
    allowPrivate: env.EGRESS_ALLOW_PRIVATE,
    agent: env.EGRESS_AGENT,
    forward: env.EGRESS_FORWARD,
    own: new Set(own.flatMap((address) => normalAddress(address) ?? [])),
    lookup: (host) => lookup(host, { all: true, order: 'verbatim' }),
  }),
  authenticate: (header) => readProxyAuthorization(key, header),
  connect: (address, port) => net.connect({ host: address, port }),
  onRefused: (refusal) => say({ egress: 'refused', at: Date.now(), ...refusal }),
  onTraffic: (traffic) => say({ egress: 'traffic', ...traffic }),
  newId: randomUUID,
});

server.listen(env.EGRESS_PORT, '0.0.0.0', () => say({ egress: 'ready' }));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  process.exit(0);
});

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
