import { deepStrictEqual } from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { createLocalControl, type LocalControl } from '#runtime/agent/localControl.ts';
import { readRuntimePackage } from '#runtime/runtimePackage.ts';
import { type Logger, Secret } from '#shared/log.ts';
import { bundleProxy } from '../../build/image/bundleProxy.ts';
import { createDockerDriver } from '../../cloud/containers/docker/dockerDriver.ts';
import { PROJECT_ID, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';
import { answerTo, WORKLOADS } from '../workloads/workloads.ts';
import { openAgentDesk } from './agentDesk.ts';
import type { TargetDeps } from './target.ts';

/** A container that answers. */
export type BenchContainer = {
  ref: string;
  pause(): Promise<unknown>;
  /** Of a paused one: the milliseconds from asking the engine for it to the right answer. */
  wake(): Promise<number>;
  remove(): Promise<unknown>;
};

const LIMITS = { ramBytes: 512 * 1_048_576, cpu: 1, storageBytes: 1_073_741_824 };
const ANSWER_MS = 30_000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

/** A workspace's runtime as the control plane starts it, hardened, behind its proxy; its work comes from this process. */
export async function tenantContainers(docker: Docker, deps: TargetDeps & { installation: string }) {
  const proxyDir = join(deps.scratch, 'proxy');
  await bundleProxy(proxyDir);
  const runtime = readRuntimePackage(deps.runtimeDir, 'container.not_available');
  const driver = createDockerDriver({
    docker,
    installation: deps.installation,
    runtimeDir: deps.runtimeDir,
    proxyDir,
    nodeFile: process.execPath,
    egressKey: new Secret(randomBytes(32).toString('hex')),
    allowPrivate: [],
    own: [],
    subnets: '10.215.0.0/16',
    egress: { onRefused: () => {}, onTraffic: () => {} },
    log: silent,
  });
  const desk = await openAgentDesk(PROJECT_ID, await driver.agentHost());
  await driver.prepare({ agentUrl: desk.url });

  const tree = sketchTree(WORKLOADS.w1.sketch);
  const body = WORKLOADS.w1.bodies[0] ?? null;
  const open = (dir: string) =>
    createLocalControl({
      file: join(dir, 'runs.db'),
      blobsDir: join(dir, 'blobs'),
      runtimeHash: runtime.hash,
      connectionsOf: () => ({}),
    });
  const begin = (control: LocalControl) =>
    control.start({
      projectId: PROJECT_ID,
      workflowId: WORKFLOW_ID,
      workflowName: 'Bench',
      tree,
      environment: { name: 'local', vars: {} },
      triggerStepId: 'hook',
      trigger: 'webhook',
      items: [{ json: { body } }],
    });
  const right = async (control: LocalControl, { runId }: { runId: string }) => {
    const answer = await control.answered(runId, ANSWER_MS);
    deepStrictEqual(answer?.body, answerTo(WORKLOADS.w1, body), 'The tenant container answered wrongly.');
  };

  return {
    /** Resolves with a container that has given its first answer. */
    async start(): Promise<BenchContainer> {
      const control = open(mkdtempSync(join(deps.scratch, 'workspace-')));
      desk.use(control);
      const [run, { ref }] = await Promise.all([
        begin(control),
        driver.start({
          workspaceId: randomUUID(),
          containerId: randomUUID(),
          bootSecret: new Secret(randomBytes(16).toString('hex')),
          agentUrl: desk.url,
          limits: LIMITS,
          runtimeHash: runtime.hash,
        }),
      ]);
      await right(control, run);
      return {
        ref,
        pause: () => driver.pause(ref),
        async wake() {
          const next = await begin(control);
          const began = performance.now();
          await driver.unpause(ref);
          await right(control, next);
          return performance.now() - began;
        },
        async remove() {
          await driver.stop(ref, 0);
          control.close();
        },
      };
    },
    async close() {
      await driver.close();
      await desk.close();
    },
  };
}
