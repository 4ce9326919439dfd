import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Logger, Secret } from '#shared/log.ts';
import { createProbeControl, writeProbeRuntime } from '../../tests/fixtures/probeRuntime.ts';
import { createTenantDatabase, type TenantDatabase } from '../../tests/fixtures/tenantDatabase.ts';
import { createAllowances } from '../billing/allowances.ts';
import { createMetrics } from '../platform/metrics.ts';
import type { ContainerDriver } from './containerDriver.ts';
import { mayMove } from './containerMoves.ts';
import { createContainerService, type FullContainerService } from './containerService.ts';
import { createProcessDriver, type ProcessDriverDeps } from './process/processDriver.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => log };
const allowances = createAllowances({ log });
let tenants: TenantDatabase;
let root: string;
let runtimeHash: string;
let agentUrl: string;
let workspaceId: string;
let service: FullContainerService;
let driver: ContainerDriver;
let driverDeps: ProcessDriverDeps;
let skew = 0;
const gone: string[] = [];
const hellos: string[] = [];
let answersHello = true;
const control = createProbeControl({
  onFirst: async (bootSecret) => {
    hellos.push(bootSecret);
    if (answersHello) await service.verifyBoot({ bootSecret, runtimeHash, node: '24' });
  },
});

beforeAll(async () => {
  tenants = await createTenantDatabase();
  root = await mkdtemp(path.join(tmpdir(), 'sluice-service-'));
  const runtime = await writeProbeRuntime(path.join(root, 'runtime'));
  runtimeHash = runtime.hash;
  agentUrl = `http://127.0.0.1:${await control.listen('127.0.0.1')}`;
});
afterAll(async () => {
  await control.close();
  await tenants.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  ({ workspaceId } = await tenants.newWorkspace());
  skew = 0;
  gone.length = 0;
  hellos.length = 0;
  answersHello = true;
  driverDeps = {
    runtimeDir: path.join(root, 'runtime'),
    nodeFile: process.execPath,
    dataDir: path.join(root, randomUUID()),
    egressKey: new Secret(randomBytes(32).toString('hex')),
    allowPrivate: [],
    own: [],
    egress: { onRefused: () => {}, onTraffic: () => {} },
    log,
  };
  ({ driver, service } = await makeService());
});
afterEach(async () => {
  await service.stopAll();
  await driver.close();
});

async function makeService(startMs = 60_000) {
  const driver = createProcessDriver(driverDeps);
  await driver.prepare({ agentUrl });
  const clock = { now: () => new Date(Date.now() + skew) };
  const service = createContainerService({
    db: tenants.db,
    clock,
    log,
    metrics: createMetrics(),
    driver,
    allowances,
    runtimeHash,
    agentUrl,
    startMs,
  });
  service.onGone((id) => gone.push(id));
  return { driver, service };
}

const inside = <T>(work: Parameters<typeof tenants.db.withWorkspace<T>>[1]) =>
  tenants.db.withWorkspace({ workspaceId }, work);
const row = () => inside((tx) => tx.tenantContainer.findFirstOrThrow());
const boots = () => inside((tx) => tx.containerBoot.findMany({ orderBy: { startedAt: 'asc' } }));
const actions = () =>
  inside((tx) => tx.auditEntry.findMany({ orderBy: { seq: 'asc' } })).then((list) =>
    list.map(({ action, outcome }) => `${action} ${outcome}`).slice(1),
  );
const pidOf = async () => Number((await row()).containerRef?.split(':')[1]);

test('twenty who ask at once get one start, after its hello', async () => {
  await Promise.all(Array.from({ length: 20 }, () => service.ensureRunning(workspaceId)));
  expect(await row()).toMatchObject({
    status: 'running',
    health: 'healthy',
    runtimeHash,
    ramMb: 512,
    cpu: 0.5,
    storageMb: 100,
    driver: 'process',
  });
  expect(await boots()).toHaveLength(1);
  expect(hellos).toHaveLength(1);
  expect(await driver.list()).toHaveLength(1);
  expect(await actions()).toEqual(['container.start ok']);
});

test('the secret of a start is stored hashed, and opens nothing for another runtime, secret or time', async () => {
  await service.ensureRunning(workspaceId);
  const [secret = ''] = hellos;
  expect(JSON.stringify(await boots())).not.toContain(secret);
  const again = await service.verifyBoot({ bootSecret: secret, runtimeHash, node: '24' });
  expect(again).toEqual({ workspaceId, containerId: (await row()).id, bootId: (await boots())[0]?.id });
  const other = await tenants.newWorkspace();
  const wrong = [
    { bootSecret: secret, runtimeHash: '0'.repeat(64) },
    { bootSecret: `${secret}x`, runtimeHash },
    { bootSecret: secret.replace(workspaceId, other.workspaceId), runtimeHash },
    { bootSecret: 'slb__', runtimeHash },
    { bootSecret: '', runtimeHash },
  ];
  for (const hello of wrong)
    await expect(service.verifyBoot({ ...hello, node: '24' })).rejects.toMatchObject({ code: 'token.invalid' });
  process.kill(await pidOf(), 'SIGKILL');
  await expect.poll(() => gone).toEqual([workspaceId]);
  await expect(service.verifyBoot({ bootSecret: secret, runtimeHash, node: '24' })).rejects.toMatchObject({
    code: 'token.invalid',
  });
});

test('a container that is killed is told at once, its tokens end, and the next who needs it gets a new one', async () => {
  await service.ensureRunning(workspaceId);
  const { id: containerId } = await row();
  const [boot] = await boots();
  await inside((tx) =>
    tx.agentToken.create({
      data: {
        workspaceId,
        id: randomUUID(),
        containerId,
        bootId: boot?.id ?? '',
        tokenHash: 'h',
        expiresAt: new Date(Date.now() + 60_000),
      },
    }),
  );
  process.kill(await pidOf(), 'SIGKILL');
  await expect.poll(() => gone).toEqual([workspaceId]);
  expect(await row()).toMatchObject({ status: 'error', containerRef: null, restarts: 1 });
  expect((await inside((tx) => tx.agentToken.findFirstOrThrow())).revokedAt).not.toBeNull();
  await service.ensureRunning(workspaceId);
  expect(await row()).toMatchObject({ status: 'running', id: containerId, error: null });
  expect((await boots()).map(({ endedAt }) => endedAt === null)).toEqual([false, true]);
  expect(await actions()).toEqual(['container.start ok', 'container.stop failed', 'container.start ok']);
});

test('three starts that fail in a row are an error, and nothing is started again until a while has passed', async () => {
  await driver.close();
  const dir = path.join(root, 'broken');
  const { hash } = await writeProbeRuntime(dir, 'process.exit(9)');
  driverDeps.runtimeDir = dir;
  const before = runtimeHash;
  runtimeHash = hash;
  try {
    ({ driver, service } = await makeService());
    await expect(service.ensureRunning(workspaceId)).rejects.toMatchObject({
      code: 'container.start_failed',
      message: expect.stringContaining('exit code 9'),
    });
    expect(await row()).toMatchObject({ status: 'error', restarts: 3 });
    expect(await boots()).toHaveLength(3);
    await expect(service.ensureRunning(workspaceId)).rejects.toMatchObject({ code: 'container.start_failed' });
    expect(await boots()).toHaveLength(3);
    skew = 6 * 60_000;
    await expect(service.ensureRunning(workspaceId)).rejects.toMatchObject({ code: 'container.start_failed' });
    expect(await boots()).toHaveLength(6);
  } finally {
    runtimeHash = before;
  }
});

test('a runtime that never says hello is ended', async () => {
  await driver.close();
  ({ driver, service } = await makeService(300));
  answersHello = false;
  await expect(service.ensureRunning(workspaceId)).rejects.toThrow('hello');
  expect(await driver.list()).toEqual([]);
});

test('after the minutes of its plan an idle container sleeps; work wakes it', async () => {
  await service.ensureRunning(workspaceId);
  skew = 14 * 60_000;
  await service.tick();
  expect((await row()).status).toBe('running');
  await service.touch(workspaceId);
  skew = 28 * 60_000;
  await service.tick();
  expect((await row()).status).toBe('running'); // fourteen minutes after it was last used
  skew = 44 * 60_000;
  await service.tick();
  expect(await row()).toMatchObject({ status: 'sleeping', containerRef: null });
  expect(await driver.list()).toEqual([]);
  await service.ensureRunning(workspaceId);
  expect((await row()).status).toBe('running');
  expect(await actions()).toEqual(['container.start ok', 'container.stop ok', 'container.start ok']);
});

test('a container that was heard of and then falls silent is ended', async () => {
  await service.ensureRunning(workspaceId);
  service.seen(workspaceId);
  skew = 100_000;
  await service.tick();
  expect(await row()).toMatchObject({ status: 'running', health: 'degraded' });
  skew = 200_000;
  await service.tick();
  expect(await row()).toMatchObject({ status: 'error', error: 'The runtime did not answer any more.' });
  expect(gone).toEqual([workspaceId]);
  expect(await driver.list()).toEqual([]);
});

test('a control plane that starts anew removes what another left running, and writes down that it is stopped', async () => {
  await service.ensureRunning(workspaceId);
  const pid = await pidOf();
  const later = await makeService();
  await later.service.recover();
  expect(await later.driver.list()).toEqual([]);
  await expect.poll(() => isThere(pid)).toBe(false);
  expect(await row()).toMatchObject({ status: 'stopped', containerRef: null });
  await driver.close();
  ({ driver, service } = later);
  await service.ensureRunning(workspaceId);
  expect((await row()).status).toBe('running');
});

test('stopping the control plane ends every container, and nothing is started after', async () => {
  const other = await tenants.newWorkspace();
  await Promise.all([service.ensureRunning(workspaceId), service.ensureRunning(other.workspaceId)]);
  await service.stopAll();
  expect(await driver.list()).toEqual([]);
  expect(await row()).toMatchObject({ status: 'stopped', containerRef: null });
  expect(gone).toEqual([]);
  await expect(service.ensureRunning(workspaceId)).rejects.toMatchObject({ code: 'service.draining' });
});

test('the container of a deleted workspace ends at once, or when it is looked at next, and starts again when it is back', async () => {
  const mark = (deletedAt: Date | null) =>
    inside((tx) => tx.workspace.update({ where: { id: workspaceId }, data: { deletedAt } }));
  const refused = () =>
    expect(service.ensureRunning(workspaceId)).rejects.toMatchObject({ code: 'workspace.not_found' });
  for (const end of [() => service.end(workspaceId), () => service.tick()]) {
    await service.ensureRunning(workspaceId);
    expect(await driver.list()).toHaveLength(1);
    await mark(new Date());
    await end();
    expect(await driver.list()).toEqual([]);
    expect(await row()).toMatchObject({ status: 'stopped', containerRef: null });
    await refused();
    await mark(null);
  }
  await service.ensureRunning(workspaceId);
  expect((await row()).status).toBe('running');
});

test('when a workspace is gone for good, what its container kept is gone too, and no other’s', async () => {
  const other = await tenants.newWorkspace();
  await Promise.all([service.ensureRunning(workspaceId), service.ensureRunning(other.workspaceId)]);
  const homes = path.join(driverDeps.dataDir, 'workspaces');
  await writeFile(path.join(homes, workspaceId, 'customers.db'), 'rows');
  await service.removeData(workspaceId);
  expect(await readdir(homes)).toEqual([other.workspaceId]);
  expect((await driver.list()).map((state) => state.workspaceId)).toEqual([other.workspaceId]);
  await service.removeData(workspaceId);
});

test('another plan is written to the container at once', async () => {
  await service.ensureRunning(workspaceId);
  await inside((tx) => tx.workspace.update({ where: { id: workspaceId }, data: { plan: 'pro' } }));
  await service.planChanged(workspaceId);
  expect(await row()).toMatchObject({ status: 'running', ramMb: 2_048, cpu: 2, storageMb: 5_120 });
});

test('what is suspended does not start', async () => {
  await service.ensureRunning(workspaceId);
  await service.stopAll();
  ({ driver, service } = await makeService());
  await inside((tx) => tx.tenantContainer.updateMany({ data: { status: 'suspended' } }));
  await expect(service.ensureRunning(workspaceId)).rejects.toMatchObject({ code: 'container.not_available' });
});

test('only the moves of the table are possible', () => {
  expect(mayMove('stopped', 'running')).toBe(false);
  expect(mayMove('sleeping', 'running')).toBe(false);
  expect(mayMove('suspended', 'starting')).toBe(false);
  expect(mayMove('running', 'sleeping') && mayMove('running', 'error') && mayMove('error', 'suspended')).toBe(true);
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
