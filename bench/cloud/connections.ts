import { Agent, request } from 'node:http';
import { WebSocket } from 'ws';
import type { Asked } from './asks.ts';
import type { ControlPlane } from './controlPlane.ts';
import type { Tenant } from './tenants.ts';

const AT_ONCE = 20;
const ANSWER_MS = 30_000;

export type Feeds = {
  open(): number;
  /** How many messages came since the start. */
  heard(): number;
  close(): Promise<void>;
};

/**
 * Opens so many connections of desktops to the feed, the same number for each tenant, each watching one project. They stay
 * open, answer pings and hear of commits.
 */
export async function openFeeds(plane: ControlPlane, tenants: readonly Tenant[], count: number): Promise<Feeds> {
  const sockets: WebSocket[] = [];
  let heard = 0;
  const url = `${plane.url.replace('http', 'ws')}/v1/feed`;
  const open = async (n: number) => {
    const tenant = tenants[n % tenants.length] as Tenant;
    const socket = new WebSocket(url, { localAddress: tenant.address, perMessageDeflate: false });
    sockets.push(socket);
    const say = (message: unknown) => socket.send(JSON.stringify(message));
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', (code) => reject(new Error(`The feed closed a connection with ${code}.`)));
      socket.on('open', () => {
        say({ type: 'hello', accessToken: tenant.person.accessToken, workspaceId: tenant.person.workspaceId });
      });
      socket.on('message', (data) => {
        heard++;
        if (String(data) !== '{"type":"ready"}') return;
        const project = tenant.projects[Math.floor(n / tenants.length) % tenant.projects.length];
        say({ type: 'watch', projectId: project?.id });
        resolve();
      });
    });
  };
  for (let n = 0; n < count; n += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - n) }, (_, i) => open(n + i)));
  }
  return {
    open: () => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length,
    heard: () => heard,
    async close() {
      await Promise.all(
        sockets.map(async (socket) => {
          if (socket.readyState === WebSocket.CLOSED) return;
          const closed = new Promise((resolve) => socket.once('close', resolve));
          socket.close();
          await closed;
        }),
      );
    },
  };
}

export type Caller = {
  /** Sends a request and gives its status and answer. Rejects where none comes. */
  send(
    tenant: Tenant,
    asked: Pick<Asked, 'method' | 'path' | 'body' | 'isPublic'>,
  ): Promise<{ status: number; body: unknown }>;
  close(): void;
};

/** Requests over connections that are kept alive, each tenant's from its own address. */
export function createCaller(plane: ControlPlane): Caller {
  const { hostname, port } = new URL(plane.url);
  const agents = new Map<string, Agent>();
  const agentOf = ({ address }: Tenant) => {
    const agent = agents.get(address) ?? new Agent({ keepAlive: true, localAddress: address } as object);
    agents.set(address, agent);
    return agent;
  };
  return {
    send: (tenant, { method, path, body, isPublic }) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const { accessToken, workspaceId } = tenant.person;
        const outgoing = request(
          {
            ...{ hostname, port, method, path, agent: agentOf(tenant), timeout: ANSWER_MS },
            headers: {
              accept: 'application/json',
              ...(text === undefined
                ? {}
                : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
              ...(method === 'POST' && !isPublic ? { 'idempotency-key': crypto.randomUUID() } : {}),
              ...(isPublic ? {} : { authorization: `Bearer ${accessToken}`, 'sluice-workspace': workspaceId }),
            },
          },
          (incoming) => {
            const parts: Buffer[] = [];
            incoming.on('data', (part: Buffer) => parts.push(part));
            incoming.on('error', reject);
            incoming.on('end', () => {
              const answer = Buffer.concat(parts).toString();
              resolve({ status: incoming.statusCode ?? 0, body: answer ? JSON.parse(answer) : undefined });
            });
          },
        );
        outgoing.on('timeout', () => outgoing.destroy(new Error(`No answer within ${ANSWER_MS} ms.`)));
        outgoing.on('error', reject);
        outgoing.end(text);
      }),
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}
