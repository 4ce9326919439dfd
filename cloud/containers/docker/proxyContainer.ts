import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import type Docker from 'dockerode';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Secret } from '#shared/log.ts';
import type { EgressRefusal, EgressTraffic } from '../egressProxy.ts';
import { unless } from './engine.ts';
import { hardenedContainer } from './hardening.ts';

export const PROXY_PORT = 3128;
const MB = 1024 * 1024;

const Line = z.discriminatedUnion('egress', [
  z.object({ egress: z.literal('ready') }),
  z.object({
    egress: z.literal('refused'),
    at: z.int(),
    workspaceId: z.string(),
    host: z.string(),
    port: z.int(),
    reason: z.string(),
  }),
  z.object({
    egress: z.literal('traffic'),
    id: z.string(),
    workspaceId: z.string(),
    host: z.string(),
    bytesOut: z.int(),
    bytesIn: z.int(),
  }),
]);

export type EgressListener = {
  onRefused: (refusal: EgressRefusal) => void;
  onTraffic: (traffic: EgressTraffic) => void;
};

type ProxyOptions = {
  docker: Docker;
  installation: string;
  labels: Record<string, string>;
  image: string;
  network: string;
  key: Secret<string>;
  agent: string;
  allowPrivate: readonly string[];
  own: readonly string[];
  /** See egressPolicy.ts. */
  forward: Readonly<Record<string, string>>;
};

/** The installation's egress proxy, running with exactly these options; one that runs with others is replaced. */
export async function ensureProxyContainer(options: ProxyOptions): Promise<{ id: string; replaced: boolean }> {
  const { docker, installation } = options;
  const name = `${installation}-egress`;
  const env = {
    EGRESS_KEY: options.key.reveal(),
    EGRESS_AGENT: options.agent,
    EGRESS_ALLOW_PRIVATE: options.allowPrivate.join(','),
    EGRESS_OWN: options.own.join(','),
    EGRESS_FORWARD: Object.entries(options.forward)
      .map(([from, to]) => `${from}=${to}`)
      .join(','),
    EGRESS_PORT: String(PROXY_PORT),
  };
  const settings = createHash('sha256')
    .update(JSON.stringify([options.image, env]))
    .digest('hex');
  const known = await docker.getContainer(name).inspect().catch(unless(404));
  if (known?.State.Running && known.Config.Labels['sluice.settings'] === settings)
    return { id: known.Id, replaced: false };
  if (known) await docker.getContainer(known.Id).remove({ force: true }).catch(unless(404, 409));

  const container = await docker.createContainer({
    ...hardenedContainer({
      image: options.image,
      command: [
        '--disallow-code-generation-from-strings',
        '--disable-proto=delete',
        '--max-old-space-size=128',
        '/app/proxyMain.js',
      ],
      env,
      labels: { ...options.labels, 'sluice.role': 'egress', 'sluice.settings': settings },
      ramBytes: 256 * MB,
      cpu: 1,
      pids: 64,
      network: options.network,
      resolves: true,
    }),
    name,
  });
  await container.start();
  return { id: container.id, replaced: true };
}

/**
 * Hands on what the proxy says. Traffic is read from the beginning of its log: what was said while nobody listened is
 * not lost, and each report carries an id, so that hearing it again counts nothing twice. Resolves when the proxy is ready.
 */
export async function followProxy(docker: Docker, id: string, listener: EgressListener): Promise<() => void> {
  const container = docker.getContainer(id);
  const stream = await container.logs({ follow: true, stdout: true, stderr: true });
  let ready = () => {};
  const isReady = new Promise<void>((resolve, reject) => {
    ready = resolve;
    stream.once('close', () => reject(new SluiceError('container.start_failed', 'The egress proxy ended.')));
  });
  isReady.catch(() => {}); // after the start, the driver looks after the proxy's end
  const since = Date.now();
  const hear = lineReader((text) => {
    const line = Line.safeParse(readJson(text));
    if (!line.success) return;
    if (line.data.egress === 'ready') ready();
    else if (line.data.egress === 'traffic') listener.onTraffic(line.data);
    else if (line.data.at >= since) listener.onRefused(line.data);
  });
  docker.modem.demuxStream(
    stream,
    sink(hear),
    sink(() => {}),
  );
  await isReady;
  return () => (stream as unknown as { destroy(): void }).destroy();
}

function lineReader(onLine: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}

function sink(hear: (text: string) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      hear(chunk.toString());
      done();
    },
  });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
