import type { LocalControl } from '#runtime/agent/localControl.ts';
import type { Connector } from '#runtime/connectors/stepType.ts';
import { createDispatcher, type Services } from '#shared/contract/contract.ts';
import { type HostApi, type HostEvent, hostApi } from '#shared/contract/hostApi.ts';
import type { JsonObject } from '#shared/json.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Runners } from '../runner/runner.ts';
import type { AppDb } from '../store/appDb.ts';
import type { CloudServices } from './cloudServices.ts';
import { conflictCalls } from './conflicts.ts';
import { connectionCalls } from './connections.ts';
import { fileCalls } from './files.ts';
import { historyCalls } from './history.ts';
import type { LocalSecrets } from './localSecrets.ts';
import { hostCalls, refuseAddress, type Shell } from './preferences.ts';
import { createProjectSet } from './projects.ts';
import { runCalls } from './runs.ts';
import { documentCalls } from './workflows.ts';

export type HostDeps = {
  appDb: AppDb;
  catalog: StepCatalog;
  connectors: Connector[];
  connectorCatalog: Record<string, { name: string; title: string; hosts?: string[]; schema: JsonObject }>;
  control: LocalControl;
  runners: Runners;
  secrets: LocalSecrets;
  cloud: CloudServices;
  shell: Shell;
  version: string;
  runtimeHash: string;
  projectsDir: string;
  /** Who has a project open, as a second one is told. */
  program: string;
  now(): number;
  uuid(): string;
};

/** Answers the editor. The same object behind Electron's IPC and behind a local socket. */
export type Host = {
  /** @throws SluiceError; anything else thrown is a bug */
  call(name: string, input: unknown): Promise<unknown>;
  subscribe(listener: (event: HostEvent) => void): () => void;
  /** Told by what runs beside the host: its runners, the cloud's part. */
  emit(event: HostEvent): void;
  /** An open project's tree. */
  treeOf(projectId: string): Tree | undefined;
  /** On the very first start: a project to look at. Gives its id where it made one. */
  makeSample(): Promise<string | undefined>;
  /** Writes what is not written and lets go of every project. */
  close(): Promise<void>;
};

export function createHost(deps: HostDeps): Host {
  const { appDb, cloud, control, runners, shell } = deps;
  const listeners = new Set<(event: HostEvent) => void>();
  const emit = (event: HostEvent) => {
    for (const listener of listeners) listener(event);
  };
  const projects = createProjectSet({ ...deps, emit });
  const services: Services<HostApi> = {
    host: hostCalls({ ...deps, cloudUrl: cloud.cloudUrl }),
    stepTypes: { list: () => Object.values(deps.catalog) },
    projects: projects.calls,
    documents: documentCalls({ projects, shared: cloud.shared }),
    conflicts: conflictCalls({ projects, shared: cloud.shared, now: deps.now }),
    history: historyCalls({ projects, shared: cloud.shared }),
    files: fileCalls({ projects, changed: cloud.projectChanged }),
    presence: cloud.presence,
    runs: runCalls({ projects, runners, control }),
    connections: connectionCalls({ ...deps, projects }),
    account: cloud.account,
    sync: cloud.sync,
    publish: cloud.publish,
    hosted: cloud.hosted,
  };
  const dispatch = createDispatcher<HostApi, void>(hostApi, services);

  cloud.attach({
    project: projects.get,
    openProjects: projects.open,
    folders: { dirOf: projects.dirOf, free: projects.free, add: projects.add, catalog: deps.catalog },
    emit,
    openExternal: async (url) => {
      refuseAddress(url, cloud.cloudUrl);
      if (!shell.openExternal) return false;
      await shell.openExternal(url);
      return true;
    },
  });
  const unsubscribe = control.subscribe((message) => {
    if (message.type === 'run.event') emit({ ...message, where: 'local' });
    else if (message.type === 'run.changed') emit({ ...message, where: 'local' });
    else emit(message);
  });

  return {
    call: (name, input) => dispatch(name, input),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    emit,
    treeOf: (projectId) => projects.peek(projectId)?.tree(),
    makeSample: async () => {
      // Once: whoever forgets the sample does not want it back.
      if (appDb.meta('sample') !== undefined) return undefined;
      const empty = appDb.projects().length === 0;
      const sample = empty ? await projects.create({ name: 'Hello', template: 'hello' }) : undefined;
      appDb.setMeta('sample', sample?.id ?? 'none');
      if (sample) appDb.setPreferences({ ...appDb.preferences(), lastProjectId: sample.id });
      return sample?.id;
    },
    close: async () => {
      unsubscribe();
      await projects.close();
      await cloud.close();
    },
  };
}
