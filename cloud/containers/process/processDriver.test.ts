import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Logger, Secret } from '#shared/log.ts';
import { createProbeControl, writeProbeRuntime } from '../../../tests/fixtures/probeRuntime.ts';
import type { ContainerDriver, ContainerExit } from '../containerDriver.ts';
import type { EgressRefusal } from '../egressProxy.ts';
import { createProcessDriver, type ProcessDriverDeps } from './processDriver.ts';

const warnings: string[] = [];
const log: Logger = { debug() {}, info() {}, warn: (line) => void warnings.push(line), error() {}, with: () => log };
const control = createProbeControl();
const private_ = http.createServer((_request, response) => response.end('private'));
const exits: ContainerExit[] = [];
const refusals: EgressRefusal[] = [];
let root: string;
let deps: ProcessDriverDeps;
let driver: ContainerDriver;
let agentUrl: string;
let runtimeHash: string;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sluice-process-'));
  const runtime = await writeProbeRuntime(path.join(root, 'runtime'));
  runtimeHash = runtime.hash;
  deps = {
    runtimeDir: runtime.dir,
    nodeFile: process.execPath,
    dataDir: path.join(root, 'data'),
    egressKey: new Secret(randomBytes(32).toString('hex')),
    allowPrivate: [],
    own: [],
    egress: { onRefused: (refusal) => refusals.push(refusal), onTraffic: () => {} },
    log,
  };
  driver = createProcessDriver(deps);
  driver.onExit((exit) => exits.push(exit));
  agentUrl = `http://127.0.0.1:${await control.listen('127.0.0.1')}`;
  await new Promise<void>((resolve) => {
    private_.listen(0, '127.0.0.1', () => resolve());
  });
  await driver.prepare({ agentUrl });
});

afterAll(async () => {
  for (const { ref } of await driver.list()) await driver.stop(ref, 0);
  await driver.close();
  private_.close();
  await control.close();
  await rm(root, { recursive: true, force: true });
});

async function start(workspaceId: string = randomUUID(), by: ContainerDriver = driver) {
  const secret = randomBytes(16).toString('hex');
  const containerId = randomUUID();
  const limits = { ramBytes: 256 * 1024 * 1024, cpu: 1, storageBytes: 1_000_000 };
  const spec = { workspaceId, containerId, bootSecret: new Secret(secret), agentUrl, limits, runtimeHash };
  const { ref } = await by.start(spec);
  return {
    ref,
    workspaceId,
    containerId,
    secret,
    ask: (work: { do: string; [field: string]: unknown }) => control.ask(secret, work),
  };
}

const pidOf = (ref: string) => Number(ref.split(':')[1]);
const isThere = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('it says in one line that processes are no isolation boundary', () => {
  expect(driver.isolates).toBe(false);
  expect(warnings.filter((line) => line.includes('no isolation boundary'))).toHaveLength(1);
});

test('a workspace gets a process with hardened flags and only the environment it needs', async () => {
  process.env.SLUICE_TEST_CANARY = 'canary';
  const { ask, ref } = await start();
  const names = String(await ask({ do: 'env' })).split(' ');
  expect(names).toContain('SLUICE_BOOT_SECRET');
  expect(
    names.filter(
      (name) =>
        !/^(SLUICE_(AGENT_URL|BOOT_SECRET|DATA_DIR)|HTTPS?_PROXY|NODE_\w+|HOME|TZ|LANG|TMPDIR|TEMP)$/.test(name),
    ),
  ).toEqual([]);
  expect(await ask({ do: 'evaluate' })).toBe('EvalError');
  await driver.stop(ref, 0);
  expect(isThere(pidOf(ref))).toBe(false);
});

test('its requests go through the proxy, which refuses private addresses but not the control plane', async () => {
  const { ask, ref, workspaceId } = await start();
  const { port } = private_.address() as AddressInfo;
  expect(String(await ask({ do: 'fetch', url: `http://127.0.0.1:${port}/` }))).toMatch(/^failed|^403/);
  expect(refusals.at(-1)).toEqual({ workspaceId, host: '127.0.0.1', port, reason: 'a loopback address' });
  await driver.stop(ref, 0);
});

test('data stay with the workspace from one start to the next', async () => {
  const first = await start();
  await first.ask({ do: 'write', file: 'kept', text: 'kept' });
  const again = await start(first.workspaceId); // replaces the first
  expect(isThere(pidOf(first.ref))).toBe(false);
  expect(await again.ask({ do: 'read', file: 'kept' })).toBe('kept');
  await driver.stop(again.ref, 0);
});

test('a process that ends by itself is told once; one that is stopped is not', async () => {
  const one = await start();
  const other = await start();
  control.tell(one.secret, { do: 'exit', code: 3 });
  await expect
    .poll(() => exits.filter(({ ref }) => ref === one.ref), { timeout: 60_000 })
    .toMatchObject([{ containerId: one.containerId, workspaceId: one.workspaceId, exitCode: 3 }]);
  await driver.stop(other.ref, 2_000);
  expect(exits.some(({ ref }) => ref === other.ref)).toBe(false);
});

test('a driver made anew finds what the one before it left running, and ends it', async () => {
  const { ref, workspaceId, containerId } = await start();
  const later = createProcessDriver(deps);
  expect(await later.list()).toContainEqual({
    ref,
    workspaceId,
    containerId,
    runtimeHash,
    agentUrl,
    status: 'running',
  });
  await later.stop(ref, 0);
  await expect.poll(() => isThere(pidOf(ref))).toBe(false);
  expect(await later.list()).not.toContainEqual(expect.objectContaining({ ref }));
});

test('a mark whose number now belongs to another process ends nobody', async () => {
  const { ref, workspaceId } = await start();
  const file = path.join(deps.dataDir, 'processes', `${workspaceId}.json`);
  const mark = JSON.parse(await readFile(file, 'utf8'));
  await driver.stop(ref, 0);
  await writeFile(file, JSON.stringify({ ...mark, pid: process.pid })); // our own number, another process's start
  const later = createProcessDriver(deps);
  expect(await later.list()).toEqual([]);
  await later.stop(`${mark.containerId}:${process.pid}`, 0);
  expect(isThere(process.pid)).toBe(true);
});

test('a runtime package that was altered is refused', async () => {
  const dir = path.join(root, 'altered');
  await writeProbeRuntime(dir);
  await writeFile(path.join(dir, 'main.js'), 'process.exit(1)');
  const altered = createProcessDriver({ ...deps, runtimeDir: dir });
  await expect(altered.prepare({ agentUrl })).rejects.toMatchObject({ code: 'container.not_available' });
});
