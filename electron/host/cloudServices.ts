import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import type { Services } from '#shared/contract/contract.ts';
import type { ProjectInfo, SyncState } from '#shared/contract/host/common.ts';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import type { HistoryEntry } from '#shared/contract/host/history.ts';
import type { HostApi, HostEvent } from '#shared/contract/hostApi.ts';
import type { Hash } from '#shared/ids.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Decision } from '#shared/merge/decide.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { OpenProject } from './projectHost.ts';

/** What the cloud's part of the host may ask of the rest. */
export type HostForCloud = {
  /** The project, opened where it is not. @throws SluiceError project.not_found, project.locked */
  project(projectId: string): Promise<OpenProject>;
  /** The projects that are open now. */
  openProjects(): OpenProject[];
  emit(event: HostEvent): void;
  openExternal(url: string): Promise<boolean>;
  /** Absent where nothing keeps a list of projects, as on the command line. */
  folders?: {
    /** Where this computer has a project. */
    dirOf(projectId: string): string | undefined;
    /** A folder that is not there yet, named after a project. */
    free(name: string): string;
    /** Puts a folder on the list. */
    add(dir: string): Promise<ProjectInfo>;
    catalog: StepCatalog;
  };
};

/** A project's other half in its workspace. Each call throws SluiceError as the control plane or the way there does. */
export type SharedProject = {
  /** The tree both sides agreed on last, known without asking anybody. */
  base(): Tree;
  deployed(environment: string): Promise<Tree>;
  history: {
    list(page: { limit: number; cursor?: string }): Promise<{ data: HistoryEntry[]; nextCursor?: string }>;
    at(revision: number): Promise<Tree>;
    name(revision: number, name: string | null): Promise<void>;
  };
  /** Answers a conflict of the workspace there, and takes in what that made of the project. */
  resolve(answer: Answer & { conflictId: string }): Promise<ConflictEntry>;
  resolveAll(choice: 'theirs' | 'ours'): Promise<{ resolved: string[]; left: string[] }>;
  /** Sends what is here and fetches what is there. */
  sync(): Promise<unknown>;
};
/** `was`: the place as the workspace last said that it is, which the person has seen. */
export type Answer = Decision & { was?: Hash };

/** A connection as a person fills it in. */
type Entered = { projectId: string; connector: string; secret: JsonObject; hosts: string[] };

/** The calls of the host that need a control plane, and what the rest of the host tells it and asks of it. */
export type CloudServices = Services<Pick<HostApi, 'account' | 'sync' | 'publish' | 'hosted' | 'presence'>> & {
  cloudUrl: string;
  /** Called once, before anything else. */
  attach(host: HostForCloud): void;
  projectOpened(project: OpenProject): void;
  /** After each local commit, by canvas or file; what sync itself put in is not told. */
  projectChanged(project: OpenProject): void;
  projectClosed(projectId: string): void;
  /** undefined where the project is in no workspace of this control plane, or is not open. */
  shared(projectId: string): SharedProject | undefined;
  /** Where a project stands, as it is known without asking anybody. */
  syncState(projectId: string): SyncState;
  hostedConnections: {
    /** Names of the connection records in the bound workspace; empty where the project is not bound or nobody answers. */
    names(projectId: string): Promise<string[]>;
    set(input: Entered & { name: string }): Promise<void>;
    /** Tries it from the workspace, and keeps nothing. */
    test(input: Entered & { url?: string }): Promise<ConnectionTrial>;
  };
  close(): Promise<void>;
};
