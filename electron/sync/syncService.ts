import type { Service } from '#shared/contract/contract.ts';
import type { SyncState } from '#shared/contract/host/common.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { AccountService } from '../account/accountService.ts';
import type { HostForCloud, SharedProject } from '../host/cloudServices.ts';
import type { OpenProject } from '../host/projectHost.ts';
import { cloneProject } from './cloneProject.ts';
import type { OwnBindings } from './ownBindings.ts';
import { createProjectSync, type ProjectSync, type Told } from './projectSync.ts';
import { sharedProject } from './sharedProject.ts';
import type { SyncStates } from './syncStates.ts';

export type SyncDeps = {
  host: () => HostForCloud;
  account: AccountService;
  cloudUrl: string;
  /** Which folders this computer put into a workspace. */
  own: OwnBindings;
  /** Where each project stood when it was last open. */
  states: SyncStates;
  /** A project is bound to a workspace, and its feed is wanted; or no longer. */
  onBound(workspaceId: string, projectId: string): void;
  onUnbound(workspaceId: string, projectId: string): void;
  now(): number;
  uuid(): string;
  /** How long edits are gathered before they are sent, and the first wait after a failure; shorter in tests. */
  settleMs?: number;
  retryMs?: number;
};

export type SyncService = {
  calls: Service<HostApi['sync']>;
  opened(project: OpenProject): void;
  changed(projectId: string): void;
  closed(projectId: string): void;
  state(projectId: string): SyncState;
  /** The sync of a project, opened where it is not. @throws SluiceError project.not_found, project.locked */
  of(projectId: string): Promise<ProjectSync>;
  /** The feed of a workspace came up. */
  reconnected(workspaceId: string): void;
  /** The server has a newer revision. */
  committed(projectId: string, told: Told): void;
  /** The workspace's control plane keeps projects in a format that this program does not know. */
  upgradeRequired(workspaceId: string, format: number): void;
  /** The workspace's records of a project are others now. */
  conflictsChanged(projectId: string): void;
  /** The open project's other half; undefined where it is in no workspace. */
  shared(projectId: string): SharedProject | undefined;
  /** The account changed: what waited for a sign-in goes on. */
  accountChanged(): void;
  close(): Promise<void>;
};

const SETTLE_MS = 800;
const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;
/** What was refused is tried again this often without anybody asking: roles and plans change. */
const REFUSED_RETRY_MS = 10 * 60_000;

type Entry = {
  due: number;
  anew?: NodeJS.Timeout;
  project: OpenProject;
  sync: ProjectSync;
  timer?: NodeJS.Timeout;
  retryMs: number;
  running: Promise<unknown>;
  closed: boolean;
};

/** Keeps every open, bound project the same here and in the cloud, without anybody having to ask. */
export function createSyncService(deps: SyncDeps): SyncService {
  const { settleMs = SETTLE_MS, retryMs = RETRY_MS, account } = deps;
  const entries = new Map<string, Entry>();

  const signedIn = () => ['signed_in', 'unreachable'].includes(account.state().status);

  function opened(project: OpenProject): void {
    const sync = createProjectSync({
      project,
      cloud: (workspaceId) => account.client(workspaceId),
      cloudUrl: deps.cloudUrl,
      own: deps.own,
      deviceId: () => account.deviceId,
      person: () => account.state().user?.name,
      signedIn,
      onState: (state) => tell(project.id, state),
      now: deps.now,
      uuid: deps.uuid,
    });
    entries.set(project.id, { project, sync, due: 0, retryMs, running: Promise.resolve(), closed: false });
    deps.states.set(project.id, sync.state());
    const workspaceId = sync.workspaceId();
    if (workspaceId === undefined) return;
    deps.onBound(workspaceId, project.id);
    plan(project.id, 0);
  }

  function tell(projectId: string, state: SyncState): void {
    if (!deps.states.set(projectId, state)) return;
    deps.host().emit({ type: 'project.sync', projectId, sync: state });
  }

  /** Another sync soon; the earlier of two plans counts. */
  function plan(projectId: string, delayMs: number): void {
    const entry = entries.get(projectId);
    if (!entry || entry.closed || entry.sync.workspaceId() === undefined) return;
    tell(projectId, entry.sync.state());
    if (!signedIn()) return;
    const due = deps.now() + delayMs;
    if (entry.timer && entry.due <= due) return;
    clearTimeout(entry.timer);
    entry.due = due;
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      void attempt(projectId, entry);
    }, delayMs);
  }

  /** As `plan`, and what was refused until then is tried again. */
  function planAnew(projectId: string): void {
    entries.get(projectId)?.sync.forgive();
    plan(projectId, 0);
  }

  async function attempt(projectId: string, entry: Entry): Promise<void> {
    const work = entry.sync.sync(false);
    entry.running = work.catch(() => undefined);
    try {
      await work;
      entry.retryMs = retryMs;
      account.noteReachable(true);
    } catch (thrown) {
      if (entry.closed) return;
      const error = SluiceError.from(thrown);
      if (error.code === 'cloud.unreachable') account.noteReachable(false);
      // What was refused is refused again until somebody changes something; anything else may pass.
      if (error.retry !== 'yes' && error.status < 500) {
        clearTimeout(entry.anew);
        entry.anew = setTimeout(() => planAnew(projectId), REFUSED_RETRY_MS);
        entry.anew.unref();
        return;
      }
      if (error.code === 'internal') console.error(thrown);
      plan(projectId, entry.retryMs * (0.5 + Math.random() / 2));
      entry.retryMs = Math.min(entry.retryMs * 2, LONGEST_RETRY_MS);
    }
  }

  async function of(projectId: string): Promise<ProjectSync> {
    await deps.host().project(projectId);
    const entry = entries.get(projectId);
    if (!entry)
      throw new SluiceError('project.not_found', 'The project was closed meanwhile.', { advice: 'Open it again.' });
    return entry.sync;
  }

  return {
    opened,
    of,
    changed: (projectId) => plan(projectId, settleMs),
    closed: (projectId) => {
      const entry = entries.get(projectId);
      if (!entry) return;
      entry.closed = true;
      clearTimeout(entry.timer);
      clearTimeout(entry.anew);
      const workspaceId = entry.sync.workspaceId();
      entries.delete(projectId);
      if (workspaceId !== undefined) deps.onUnbound(workspaceId, projectId);
    },
    state: (projectId) => entries.get(projectId)?.sync.state() ?? deps.states.get(projectId),
    reconnected: (workspaceId) => {
      for (const [projectId, entry] of entries) {
        if (entry.sync.workspaceId() !== workspaceId) continue;
        entry.sync.noteRemote();
        entry.sync.noteConflicts();
        planAnew(projectId);
      }
    },
    committed: (projectId, told) => {
      const entry = entries.get(projectId);
      if (!entry) return;
      entry.sync.noteRemote(told);
      plan(projectId, 0);
    },
    upgradeRequired: (workspaceId, format) => {
      const error = new SluiceError('client.upgrade_required', `Projects are kept in format ${format} there.`);
      for (const { sync } of entries.values()) if (sync.workspaceId() === workspaceId) sync.refuse(error);
    },
    conflictsChanged: (projectId) => {
      const entry = entries.get(projectId);
      if (!entry) return;
      entry.sync.noteConflicts();
      plan(projectId, 0);
    },
    shared: (projectId) => {
      const entry = entries.get(projectId);
      const workspaceId = entry?.sync.workspaceId();
      if (!entry || workspaceId === undefined) return undefined;
      const { project, sync } = entry;
      return sharedProject({
        project,
        sync,
        cloud: account.client(workspaceId),
        now: deps.now,
        person: () => account.state().user?.name,
      });
    },
    accountChanged: () => {
      for (const projectId of entries.keys()) planAnew(projectId);
    },
    close: async () => {
      for (const entry of entries.values()) {
        clearTimeout(entry.timer);
        clearTimeout(entry.anew);
      }
      await Promise.all([...entries.values()].map((entry) => entry.running));
      await deps.states.close();
    },
    calls: {
      bind: async ({ projectId, workspaceId }) => {
        const sync = await of(projectId);
        const before = sync.workspaceId();
        try {
          return await sync.bind(workspaceId);
        } finally {
          if (before === undefined && sync.workspaceId() !== undefined) deps.onBound(workspaceId, projectId);
        }
      },
      remote: async ({ workspaceId, ...page }) => {
        const { data, nextCursor } = await account.client(workspaceId).projects.list(page);
        const found = data.map(({ id, name, revision, updatedAt }) => {
          const dir = deps.host().folders?.dirOf(id);
          return { id, name, revision, updatedAt, ...(dir === undefined ? {} : { dir }) };
        });
        return { data: found, ...(nextCursor === undefined ? {} : { nextCursor }) };
      },
      clone: async ({ workspaceId, projectId, dir }) => {
        const host = deps.host();
        const { info, head } = await cloneProject({ host, cloud: account.client(workspaceId), projectId, dir });
        const state = await (await of(projectId)).join(workspaceId, head);
        deps.onBound(workspaceId, projectId);
        return { ...info, sync: state };
      },
      now: async ({ projectId }) => {
        const sync = await of(projectId);
        if (sync.workspaceId() === undefined) throw notBound();
        sync.forgive();
        sync.noteRemote();
        sync.noteConflicts();
        return sync.sync(true);
      },
    },
  };
}

export function notBound(): SluiceError {
  return new SluiceError('workspace.not_found', 'The project is in no workspace yet.', {
    advice: 'Choose the workspace it belongs to; then it is sent there.',
  });
}
