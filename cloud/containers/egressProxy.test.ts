import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Secret } from '#shared/log.ts';
import { createEgressPolicy, parseTarget } from './egressPolicy.ts';
import { createEgressProxy, type EgressRefusal, type EgressTraffic } from './egressProxy.ts';
import { egressPassword, readProxyAuthorization } from './egressToken.ts';

const WORKSPACE = '0199f2c4-0000-7000-8000-000000000001';
const key = new Secret('k'.repeat(64));
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

type Options = { allowPrivate?: string[]; agent?: string; names?: Record<string, string[][]>; own?: string[] };

/** A real proxy, and a canary on both loopback addresses. Anything else it would connect to is recorded, never sent. */
async function setUp({ allowPrivate = [], agent, names = {}, own = [] }: Options = {}) {
  const reached: string[] = [];
  const canary = http.createServer((request, response) => {
    if (request.url === '/elsewhere') response.writeHead(302, { location: 'http://169.254.169.254/' });
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => response.end(`canary ${request.method} ${bytes}`));
  });
  const port = await listen(canary, '127.0.0.1');
  const six = net.createServer((socket) => socket.end('canary six'));
  const hasSix = await new Promise<boolean>((resolve) => {
    six.once('error', () => resolve(false));
    six.listen(port, '::1', () => resolve(true));
  });
  const refusals: EgressRefusal[] = [];
  const traffic: EgressTraffic[] = [];
  let ids = 0;
  const asked: string[] = [];
  const proxy = createEgressProxy({
    decide: createEgressPolicy({
      allowPrivate: allowPrivate.map((entry) => entry.replace('PORT', String(port))),
      agent: agent?.replace('PORT', String(port)),
      own: new Set(own),
      async lookup(host): Promise<LookupAddress[]> {
        asked.push(host);
        const answers = names[host];
        const answer = answers && (answers.length > 1 ? answers.shift() : answers[0]);
        if (answer) return answer.map((address) => ({ address, family: net.isIP(address) }));
        if (Object.hasOwn(names, host)) return [];
        return lookup(host, { all: true, order: 'verbatim' });
      },
    }),
    authenticate: (header) => readProxyAuthorization(key, header),
    connect(address, to) {
      reached.push(`${address}:${to}`);
      if (address === '127.0.0.1' || address === '::1') return net.connect({ host: address, port: to });
      return new net.Socket().destroy(new Error('a packet would have left'));
    },
    onRefused: (refusal) => refusals.push(refusal),
    onTraffic: (report) => traffic.push(report),
    newId: () => String(ids++),
  });
  const proxyPort = await listen(proxy, '127.0.0.1');
  ends.push(() => {
    for (const server of [proxy, canary]) {
      server.close();
      server.closeAllConnections();
    }
    if (hasSix) six.close();
  });
  return { port, proxyPort, reached, refusals, traffic, asked };
}

const authorization = `Basic ${Buffer.from(`${WORKSPACE}:${egressPassword(key, WORKSPACE)}`).toString('base64')}`;

/** The proxy's status for CONNECT, and what the other end then answers to a plain GET. */
function connectThrough(proxyPort: number, target: string, auth: string | undefined = authorization): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port: proxyPort });
    let text = '';
    let tunnelled = false;
    socket.on('data', (chunk) => {
      text += chunk;
      if (!tunnelled && text.startsWith('HTTP/1.1 200')) {
        tunnelled = true;
        socket.write('GET / HTTP/1.1\r\nhost: canary\r\nconnection: close\r\n\r\n');
      }
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
    socket.write(
      `CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n${auth ? `proxy-authorization: ${auth}\r\n` : ''}\r\n`,
    );
  });
}

function requestThrough(
  proxyPort: number,
  url: string,
  body = '',
): Promise<{ status: number; text: string; location?: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port: proxyPort,
        path: url,
        method: 'POST',
        agent: false,
        headers: { host: 'x', 'proxy-authorization': authorization, 'content-length': body.length },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, location: response.headers.location }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Ways to write an address that is nobody's business: each literal is tried as it stands, with the canary's port. */
const FORBIDDEN = [
  // loopback, in every spelling a resolver might take
  '127.0.0.1',
  '127.0.0.2',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '017700000001',
  '0177.0.0.1',
  '0177.1',
  '127.0.0.01',
  '127.0.0.1.',
  'localhost',
  'LOCALHOST',
  'localhost.',
  '0',
  '0.0.0.0',
  '0x0',
  '00000000',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[0000::0001]',
  '[::]',
  '[::0]',
  // mapped, compatible, translated
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:7f00:0001]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2002:a9fe:a9fe::1]',
  '[2001:0:7f00:1::]',
  '[::ffff:169.254.169.254]',
  '[::ffff:10.0.0.1]',
  '[::ffff:93.184.215.14]',
  // private, shared, link-local, metadata
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.254',
  '192.168.0.1',
  '100.64.0.1',
  '100.127.255.254',
  '169.254.169.254',
  '169.254.170.2',
  '169.254.0.1',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '192.0.0.170',
  '[fe80::1]',
  '[fe80::1%lo]',
  '[febf::1]',
  '[fc00::1]',
  '[fd00::1]',
  '[fd00:ec2::254]',
  '[fd20:ce::254]',
  '[fec0::1]',
  // multicast, broadcast, reserved, documentation, benchmarking
  '224.0.0.1',
  '239.255.255.250',
  '255.255.255.255',
  '240.0.0.1',
  '250.1.2.3',
  '192.0.2.1',
  '198.51.100.1',
  '203.0.113.1',
  '198.18.0.1',
  '198.19.255.254',
  '192.88.99.1',
  '0.1.2.3',
  '[ff02::1]',
  '[ff0e::1]',
  '[2001:db8::1]',
  '[3fff::1]',
  '[100::1]',
  '[5f00::1]',
  '[4000::1]',
  '[2001:2::1]',
  '[2001:10::1]',
  '[2001:20::1]',
];

test(`none of ${FORBIDDEN.length} forms of a forbidden address is reached, by tunnel or by request`, async () => {
  const { port, proxyPort, reached, refusals } = await setUp();
  for (const form of FORBIDDEN) {
    expect(await connectThrough(proxyPort, `${form}:${port}`), form).toMatch(/^HTTP\/1\.1 40[03] /);
    const answer = await requestThrough(proxyPort, `http://${form}:${port}/`);
    expect([400, 403], form).toContain(answer.status);
  }
  expect(reached).toEqual([]);
  expect(refusals.length).toBeGreaterThan(FORBIDDEN.length);
  expect(refusals.every(({ workspaceId, reason }) => workspaceId === WORKSPACE && reason.length > 0)).toBe(true);
});

test('positive control: the same canary is reached by the same ways once it is listed', async () => {
  const { port, proxyPort, reached } = await setUp({ allowPrivate: ['127.0.0.1:PORT', '[::1]:PORT'] });
  expect(await connectThrough(proxyPort, `127.0.0.1:${port}`)).toContain('canary GET 0');
  expect(await connectThrough(proxyPort, `localhost:${port}`)).toContain('canary');
  expect(await requestThrough(proxyPort, `http://127.0.0.1:${port}/`, 'abc')).toMatchObject({
    status: 200,
    text: 'canary POST 3',
  });
  expect(reached.length).toBe(3);
  expect(await connectThrough(proxyPort, `127.0.0.1:${port + 1}`)).toMatch(/^HTTP\/1\.1 403 /); // the port counts
  expect(await connectThrough(proxyPort, `127.0.0.2:${port}`)).toMatch(/^HTTP\/1\.1 403 /);
});

test('public addresses are connected to as they were resolved', async () => {
  const names = { 'shop.example': [['93.184.215.14', '2606:4700::6810:84e5']] };
  const { proxyPort, reached, asked } = await setUp({ names });
  await connectThrough(proxyPort, 'shop.example:443');
  expect(reached).toEqual(['93.184.215.14:443', '2606:4700:0:0:0:0:6810:84e5:443']);
  expect(asked).toEqual(['shop.example']);
});

test('a name with a private address is refused, and of a mixed answer only the public one is used', async () => {
  const names = {
    'inside.example': [['10.1.2.3', 'fd00::7']],
    'mixed.example': [['127.0.0.1', '93.184.215.14', '::1']],
  };
  const { proxyPort, reached, refusals } = await setUp({ names });
  expect(await connectThrough(proxyPort, 'inside.example:443')).toMatch(/^HTTP\/1\.1 403 /);
  expect(refusals).toEqual([
    { workspaceId: WORKSPACE, host: 'inside.example', port: 443, reason: 'a private address' },
  ]);
  await connectThrough(proxyPort, 'mixed.example:443');
  expect(reached).toEqual(['93.184.215.14:443']);
});

test('a name server that changes its answer gains nothing: the first answer is the one connected to', async () => {
  const names = { 'rebind.example': [['93.184.215.14'], ['127.0.0.1']] };
  const { port, proxyPort, reached } = await setUp({ names });
  await connectThrough(proxyPort, `rebind.example:${port}`);
  expect(reached).toEqual([`93.184.215.14:${port}`]);
  expect(await connectThrough(proxyPort, `rebind.example:${port}`)).toMatch(/^HTTP\/1\.1 403 /);
  expect(reached).toHaveLength(1);
});

test('a redirect to a forbidden address is refused like a first request', async () => {
  const { port, proxyPort, reached } = await setUp({ allowPrivate: ['127.0.0.1:PORT'] });
  const first = await requestThrough(proxyPort, `http://127.0.0.1:${port}/elsewhere`);
  expect(first).toMatchObject({ status: 302, location: 'http://169.254.169.254/' });
  expect(await requestThrough(proxyPort, first.location ?? '')).toMatchObject({ status: 403 });
  expect(reached).toEqual([`127.0.0.1:${port}`]);
});

test('addresses of the machine itself are refused although they are public', async () => {
  const { proxyPort, reached } = await setUp({ own: ['93.184.215.14'] });
  expect(await connectThrough(proxyPort, '93.184.215.14:5432')).toMatch(/^HTTP\/1\.1 403 /);
  expect(reached).toEqual([]);
});

test('without the password of its workspace nobody gets through', async () => {
  const { port, proxyPort, reached } = await setUp({ allowPrivate: ['127.0.0.1:PORT'] });
  const other = '0199f2c4-0000-7000-8000-000000000002';
  const stolen = `Basic ${Buffer.from(`${other}:${egressPassword(key, WORKSPACE)}`).toString('base64')}`;
  for (const auth of [
    '',
    'Basic',
    'Basic !!',
    'Bearer x',
    `Basic ${Buffer.from(`${WORKSPACE}:`).toString('base64')}`,
    stolen,
  ]) {
    expect(await connectThrough(proxyPort, `127.0.0.1:${port}`, auth), auth).toMatch(/^HTTP\/1\.1 407 /);
  }
  expect(reached).toEqual([]);
});

test('bytes are counted per connection, and those to the agent listener are not', async () => {
  const { port, proxyPort, traffic } = await setUp({ allowPrivate: ['127.0.0.1:PORT'] });
  await requestThrough(proxyPort, `http://127.0.0.1:${port}/`, 'x'.repeat(5_000));
  await expect.poll(() => traffic.length).toBe(1);
  expect(traffic[0]).toMatchObject({ workspaceId: WORKSPACE, host: '127.0.0.1' });
  expect(traffic[0]?.bytesOut).toBeGreaterThan(5_000);
  expect(traffic[0]?.bytesOut).toBeLessThan(5_500);

  const agent = await setUp({ agent: '127.0.0.1:PORT' });
  expect(await requestThrough(agent.proxyPort, `http://127.0.0.1:${agent.port}/`, 'abc')).toMatchObject({
    status: 200,
  });
  await connectThrough(agent.proxyPort, `127.0.0.1:${agent.port}`);
  expect(agent.traffic).toEqual([]);
});

test('what is no host and port, or no proxy request, is refused before anything is resolved', async () => {
  const { proxyPort, asked } = await setUp();
  for (const target of [
    'example.org',
    ':443',
    'example.org:0',
    'example.org:65536',
    'example.org:443:1',
    'a@b:1',
    '[::1:1',
    'exa mple:1',
    'x/y:1',
    '[::1%25lo]:1',
  ]) {
    expect(parseTarget(target), target).toBeUndefined();
  }
  for (const url of ['/', 'ftp://example.org/', 'http://user:secret@example.org/', 'https://example.org/']) {
    expect(await requestThrough(proxyPort, url), url).toMatchObject({ status: 400 });
  }
  expect(asked).toEqual([]);
});

test('headers beyond 8 KiB end the connection', async () => {
  const { port, proxyPort, reached } = await setUp({ allowPrivate: ['127.0.0.1:PORT'] });
  const answer = await connectThrough(proxyPort, `127.0.0.1:${port}`, `Basic ${'x'.repeat(10_000)}`).catch(() => '');
  expect(answer).not.toMatch(/^HTTP\/1\.1 200/);
  expect(reached).toEqual([]);
});

function listen(server: http.Server, host: string): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });
}
