import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { createLocalControl } from '#runtime/agent/localControl.ts';
import { catalog, connectorCatalog, connectors } from '#runtime/connectors/registry.ts';
import { createRunners } from '../runner/runner.ts';
import { findRuntime } from '../runner/runtimePackage.ts';
import { openAppDb } from '../store/appDb.ts';
import type { Places } from '../store/dataDir.ts';
import type { CloudServices } from './cloudServices.ts';
import { createHost, type Host } from './host.ts';
import type { LocalSecrets } from './localSecrets.ts';
import { connectionsOf } from './newRun.ts';
import type { Shell } from './preferences.ts';

const KEEP_RUNS_MS = 30 * 86_400_000;
const KEEP_RUNS = 10_000;

/** Where the host's part of a data folder is. */
export function hostFiles(dataDir: string) {
  return { runsFile: join(dataDir, 'runs.db'), blobsDir: join(dataDir, 'blobs'), storesDir: join(dataDir, 'stores') };
}

/**
 * Puts a whole host together from what this computer has: databases, runtime, runners. Close it to stop them all.
 *
 * @param version the program's own
 * @throws SluiceError disk.failed, config.invalid
 */
export function startHost(deps: {
  places: Places;
  cloud: CloudServices;
  secrets: LocalSecrets;
  shell: Shell;
  program: string;
  version: string;
}): Host {
  const { places, cloud, secrets, shell, program, version } = deps;
  const { runsFile, blobsDir, storesDir } = hostFiles(places.dataDir);
  const runtime = findRuntime();
  const appDb = openAppDb(places.dataDir);
  const host: { current?: Host } = {};
  const control = createLocalControl({
    file: runsFile,
    blobsDir,
    runtimeHash: runtime.hash,
    connectionsOf: (projectId, names, environment) => {
      const tree = host.current?.treeOf(projectId);
      return tree ? connectionsOf(tree, names, environment, (record) => secrets.get(projectId, record)) : {};
    },
  });
  control.prune(Date.now() - KEEP_RUNS_MS, KEEP_RUNS);
  const runners = createRunners({
    runtime,
    agent: (projectId) => {
      // This runner is the project's only one: what an earlier one held is free.
      control.released(projectId);
      return control.agent(projectId);
    },
    dataDir: storesDir,
    onStopped: (projectId, reason) => host.current?.emit({ type: 'runner.stopped', projectId, reason }),
  });
  const made = createHost({
    appDb,
    catalog: catalog(),
    connectors,
    connectorCatalog: connectorCatalog(),
    control,
    runners,
    secrets,
    cloud,
    shell,
    version,
    runtimeHash: runtime.hash,
    projectsDir: places.projectsDir,
    program,
    now: Date.now,
    uuid,
  });
  host.current = made;
  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    await made.close();
    await runners.close();
    control.close();
    appDb.close();
  }
  return {
    ...made,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
