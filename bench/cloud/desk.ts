import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, createClient } from '#shared/contract/contract.ts';
import { type HostApi, hostApi } from '#shared/contract/hostApi.ts';
import { cloudKey } from '../../electron/account/cloudKey.ts';
import { memorySecrets } from '../../electron/host/localSecrets.ts';
import { startHost } from '../../electron/host/startHost.ts';
import { connectCloud } from '../../electron/sync/connectCloud.ts';
import { memoryStore } from '../../electron/vault/secretStore.ts';
import { createDice } from '../../tests/fuzz/dice.ts';

/**
 * A desktop in a process of its own, as one is: signed in, it fetches a project for the first time, and where `edits` are
 * asked for it changes one field after the other while it syncs. Says how long it took in one line.
 */
export type DeskTask = {
  cloudUrl: string;
  dataDir: string;
  workspaceId: string;
  projectId: string;
  refreshToken: string;
  edits: number;
};
export type DeskTold = {
  cloneMs: number;
  savedMs: number[];
  /** Of this process: for the clone, and for each edit with all that followed from it. */
  cpuMs: { clone: number; edit: number };
};

const SIGNED_IN_MS = 20_000;

async function run(task: DeskTask): Promise<DeskTold> {
  const { cloudUrl, dataDir, workspaceId, projectId } = task;
  mkdirSync(dataDir, { recursive: true });
  const vault = memoryStore();
  await vault.set('account', cloudKey(cloudUrl), task.refreshToken);
  const host = startHost({
    places: { dataDir, projectsDir: join(dataDir, 'projects'), checkout: undefined },
    cloud: connectCloud({ cloudUrl, dataDir, vault, version: '0.1.0' }),
    secrets: memorySecrets(),
    shell: { kind: 'browser', keychain: false },
    program: 'The bench',
    version: '0.1.0',
  });
  try {
    const client: Client<HostApi> = createClient(hostApi, host.call);
    for (const until = Date.now() + SIGNED_IN_MS; ; await pause(20)) {
      if ((await client.account.state({})).status === 'signed_in') break;
      if (Date.now() > until) throw new Error('The desktop was not signed in.');
    }
    // What starts beside it is over by then.
    await pause(500);
    const clock = process.cpuUsage();
    const began = performance.now();
    await client.sync.clone({ workspaceId, projectId });
    const cloneMs = performance.now() - began;
    const clone = cpuSince(clock);
    const editing = process.cpuUsage();
    const savedMs = task.edits > 0 ? await edit(client, task) : [];
    return { cloneMs, savedMs, cpuMs: { clone, edit: cpuSince(editing) / Math.max(1, task.edits) } };
  } finally {
    await host.close();
  }
}

function cpuSince(clock: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(clock);
  return (user + system) / 1_000;
}

/** From when a person changed something to when it is safe in the project's database, whatever else goes on. */
async function edit(client: Client<HostApi>, { projectId, edits }: DeskTask): Promise<number[]> {
  const { tree } = await client.projects.open({ projectId });
  const [[workflowId, workflow] = []] = Object.entries(tree.workflows);
  if (workflowId === undefined || !workflow) throw new Error('The project has a workflow.');
  const steps = Object.keys(workflow.steps).slice(1);
  const dice = createDice('edits');
  const took: number[] = [];
  for (let n = 0; n < edits; n++) {
    const due = performance.now() + 20 + dice.pick(40);
    await pause(due - performance.now());
    const value = 1 + n;
    const path = ['fields', 'n'];
    await client.documents.edit({
      projectId,
      edits: [{ type: 'setConfig', workflowId, stepId: dice.oneOf(steps), path, value }],
    });
    took.push(performance.now() - due);
  }
  return took;
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? '') as DeskTask))}\n`);
process.exit(0);
