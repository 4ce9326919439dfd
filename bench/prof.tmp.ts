import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { sketchTree } from '../tests/fixtures/engine.ts';
import { sketchOf, WORKLOADS } from './workloads/workloads.ts';

const [id = 'w2', mode = 'step', secs = '6', prof = '1'] = process.argv.slice(2);
const workload = WORKLOADS[id as 'w2'];
const dir = mkdtempSync('/work/main/build/out/prof-');
const config = {
  tree: sketchTree(sketchOf(workload, mode as 'step')),
  environment: { name: 'local', vars: {} },
  connections: {},
  dataDir: dir + '/data',
  runsFile: dir + '/runs.db',
  blobsDir: dir + '/blobs',
  host: '127.0.0.1',
  port: 0,
};
const child = process.env.STRACE
  ? spawn(
      'strace',
      [
        '-f',
        '-o',
        '/tmp/perf/strace.txt',
        '-T',
        '-e',
        'trace=pwrite64,fdatasync,fsync,ftruncate,pread64,write,writev,read,epoll_wait,futex',
        process.execPath,
        '/work/main/build/out/rt/main.js',
        'serve',
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
  : spawn(
      process.execPath,
      [
        ...(prof === '1' ? ['--cpu-prof', '--cpu-prof-dir=' + dir, '--cpu-prof-interval=200'] : []),
        ...(process.env.GC ? process.env.GC.split(' ') : []), ...(process.env.ELD ? ['--import', '/tmp/perf/eld.mjs'] : []),
        '/work/main/build/out/rt/main.js',
        'serve',
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
child.stdin.end(JSON.stringify(config));
const url: string = await new Promise((r) =>
  createInterface({ input: child.stdout }).on('line', (l) => {
    try {
      const m = JSON.parse(l);
      if (m.listening) r(m.listening.url);
    } catch { if (l.includes('ms: ')) console.log(l); }
  }),
);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const conns = Number(process.env.CONNS ?? 1);
agent.maxSockets = conns;
let n = 0;
const end = Date.now() + Number(secs) * 1000;
const cpu = () => {
  const s = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ');
  return (Number(s[13]) + Number(s[14])) * 10;
};
const one = (i: number) =>
  new Promise<void>((resolve, reject) => {
    const body = JSON.stringify(workload.bodies[i % workload.bodies.length]);
    const q = http.request(
      `${url}/hooks/${id}`,
      {
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (s) => {
        s.resume();
        s.on('end', resolve);
      },
    );
    q.on('error', reject);
    q.end(body);
  });
for (let i = 0; i < 200; i++) await one(i);
const c0 = cpu(); const lat: number[] = [];
const t0 = performance.now();
await Promise.all(
  Array.from({ length: conns }, async () => {
    while (Date.now() < end) {
      const b = performance.now(); await one(n++); lat.push(performance.now() - b);
    }
  }),
);
console.log(
  id,
  mode,
  'req',
  n,
  'ms/req',
  ((performance.now() - t0) / n).toFixed(3),
  'cpu ms/req',
  ((cpu() - c0) / n).toFixed(4),
);
lat.sort((a, b) => a - b); console.log('p50', lat[lat.length >> 1], 'p90', lat[Math.floor(lat.length*.9)], 'p99', lat[Math.floor(lat.length * 0.99)], 'max', lat.at(-1));
child.kill('SIGTERM');
await new Promise((r) => child.once('exit', r));
for (const f of readdirSync(dir).filter((f) => f.endsWith('.cpuprofile'))) {
  const p = JSON.parse(readFileSync(dir + '/' + f, 'utf8'));
  const self = new Map<number, number>();
  const dt = p.timeDeltas;
  p.samples.forEach((s: number, i: number) => self.set(s, (self.get(s) ?? 0) + dt[i]));
  const by = new Map<string, number>();
  let total = 0;
  for (const node of p.nodes) {
    const t = self.get(node.id) ?? 0;
    const c = node.callFrame;
    const k = `${c.functionName || '(anon)'} ${c.url.split('/').pop()}:${c.lineNumber + 1}:${c.columnNumber}`;
    by.set(k, (by.get(k) ?? 0) + t);
    if (c.functionName !== '(idle)') total += t;
  }
  const kids = new Map<number, number[]>(p.nodes.map((n: any) => [n.id, n.children ?? []]));
  const byId = new Map<number, any>(p.nodes.map((n: any) => [n.id, n]));
  const incl = new Map<string, number>();
  const walk = (id: number, seen: Set<string>): number => {
    const node = byId.get(id);
    const c = node.callFrame;
    const k = `${c.functionName || '(anon)'} ${c.url.split('/').pop()}:${c.lineNumber + 1}`;
    const fresh = !seen.has(k);
    if (fresh) seen.add(k);
    let t = self.get(id) ?? 0;
    for (const child of kids.get(id) ?? []) t += walk(child, seen);
    if (fresh) { incl.set(k, (incl.get(k) ?? 0) + t); seen.delete(k); }
    return t;
  };
  walk(p.nodes[0].id, new Set());
  console.log('INCLUSIVE');
  for (const [k, t] of [...incl].sort((a, b) => b[1] - a[1]).slice(0, Number(process.env.TOP ?? 70)))
    if (!k.startsWith('(idle)') && !k.startsWith('(root)')) console.log(((t / total) * 100).toFixed(1).padStart(5) + '%', k);
  console.log('busy ms', (total / 1000).toFixed(0));
  for (const [k, t] of [...by].sort((a, b) => b[1] - a[1]).slice(0, 45))
    if (!k.startsWith('(idle)')) console.log(((t / total) * 100).toFixed(1).padStart(5) + '%', k);
}
