import type { Services } from '#shared/contract/contract.ts';
import type { HostApi, HostEvent, SyncState } from '#shared/contract/hostApi.ts';
import type { JsonObject } from '#shared/json.ts';
import type { OpenProject } from './projectHost.ts';

/** What the cloud's part of the host may ask of the rest. */
export type HostForCloud = {
  /** The project, opened where it is not. @throws SluiceError project.not_found, project.locked */
  project(projectId: string): Promise<OpenProject>;
  /** The projects that are open now. */
  openProjects(): OpenProject[];
  emit(event: HostEvent): void;
  openExternal(url: string): Promise<boolean>;
};

/** The calls of the host that need a control plane, and what the rest of the host tells it and asks of it. */
export type CloudServices = Services<Pick<HostApi, 'account' | 'sync' | 'publish' | 'hosted'>> & {
  cloudUrl: string;
  /** Called once, before anything else. */
  attach(host: HostForCloud): void;
  projectOpened(project: OpenProject): void;
  /** After each local commit, by canvas or file; what sync itself put in is not told. */
  projectChanged(project: OpenProject): void;
  projectClosed(projectId: string): void;
  /** Where a project stands, as it is known without asking anybody. */
  syncState(projectId: string): SyncState;
  hostedConnections: {
    /** Names of the connection records in the bound workspace; empty where the project is not bound or nobody answers. */
    names(projectId: string): Promise<string[]>;
    set(input: {
      projectId: string;
      name: string;
      connector: string;
      secret: JsonObject;
      hosts: string[];
    }): Promise<void>;
  };
  close(): Promise<void>;
};
