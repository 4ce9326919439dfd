import { connectorCatalog, findConnector } from '#runtime/connectors/registry.ts';
import { createDispatcher, type Services } from '#shared/contract/contract.ts';
import type { ProjectInfo } from '#shared/contract/host/common.ts';
import { type HostApi, type HostEvent, hostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { applyEdit } from '#shared/workflow/edit.ts';
import type { Signal } from '../runs/signals.ts';
import type { RateLimits } from '../server/rateLimits.ts';
import { askInside, createInnerClient, type InnerDeps, type Person } from './innerClient.ts';
import { notHere } from './notHere.ts';
import { listTemplates, treeFromTemplate } from './templates.ts';
import { webAccountCalls } from './webAccount.ts';
import { webDocumentCalls } from './webDocuments.ts';
import { countOpen, webHistoryCalls } from './webHistory.ts';
import { createWebPresence } from './webPresence.ts';
import { openWebProject, type WebProject } from './webProjects.ts';
import { webPublishCalls } from './webPublish.ts';
import { createWebRuns } from './webRuns.ts';

export type WebHostDeps = InnerDeps & {
  limits: RateLimits;
  stepTypes: StepCatalog;
  templatesDir: string;
  publicUrl: string;
  version: string;
  runtimeHash: string;
  /** Whether a workspace has a project. */
  hasProject(workspaceId: string, projectId: string): Promise<boolean>;
  /** Tells every process. */
  publish(signal: Signal): void;
  now(): number;
  uuid(): string;
};

/** The host of one window of the web: the same contract as on a computer, answered by the cloud. */
export type WebHost = {
  /** @throws SluiceError; anything else thrown is a bug */
  call(name: string, input: unknown): Promise<unknown>;
  /** A call of the cloud's API as the person of the window. */
  ask(request: { name: string; input: unknown; workspaceId?: string | undefined }): Promise<unknown>;
  tell(signal: Signal): Promise<void>;
  close(): void;
};

/**
 * Makes the host of one window.
 *
 * @param who the person, as the session says now
 * @param emit tells the window
 */
export function createWebHost(deps: WebHostDeps, who: () => Person, emit: (event: HostEvent) => void): WebHost {
  const { limits, publicUrl, stepTypes } = deps;
  const deviceId = deps.uuid();
  const opened = new Map<string, Promise<WebProject>>();
  const places = new Map<string, string>();

  /** For what a person asks: with the limits that a program has. */
  const cloud = (workspaceId?: string) => createInnerClient(deps, who, workspaceId);
  /** For edits as they are typed and for news, which the limit of the page is enough for. */
  const quiet = (workspaceId?: string) => createInnerClient({ ...deps, limits: undefined }, who, workspaceId);
  const workspaceIds = async () => (await quiet().workspaces.list({})).map(({ id }) => id);

  /** The person's workspace that has the project. One in anybody else's answers as one that is not there. */
  async function workspaceOf(projectId: string): Promise<string> {
    const known = places.get(projectId);
    if (known !== undefined) return known;
    for (const workspaceId of await workspaceIds()) {
      if (!(await deps.hasProject(workspaceId, projectId))) continue;
      places.set(projectId, workspaceId);
      return workspaceId;
    }
    throw new SluiceError('project.not_found', 'There is no such project in your workspaces.');
  }

  function project(projectId: string): Promise<WebProject> {
    const already = opened.get(projectId);
    if (already) return already;
    const opening = workspaceOf(projectId).then((workspaceId) =>
      openWebProject(
        { projectId, workspaceId },
        { ...deps, cloud: quiet(workspaceId), deviceId, name: who().session.name, emit },
      ),
    );
    opened.set(projectId, opening);
    opening.catch(() => opened.delete(projectId));
    return opening;
  }

  async function mayWrite(workspaceId: string): Promise<boolean> {
    const member = await deps.identities.membershipOf(who().session.userId, workspaceId);
    return member?.permissions.has('sync:write') === true && member.permissions.has('workflow:write');
  }

  async function projectInfos(): Promise<ProjectInfo[]> {
    const all = await Promise.all(
      (await workspaceIds()).map(async (workspaceId) => {
        const { data } = await cloud(workspaceId).projects.list({ limit: 100 });
        return data.map(({ id, name, revision, updatedAt }): ProjectInfo => {
          places.set(id, workspaceId);
          const sync = { state: 'synced' as const, revision, pending: 0, workspaceId };
          return { id, name, dir: '', workflowCount: 0, trusted: true, sync, openedAt: updatedAt };
        });
      }),
    );
    return all.flat().sort((a, b) => (a.openedAt < b.openedAt ? 1 : -1));
  }

  async function create(wanted: { name: string; template?: string | undefined; workspaceId?: string | undefined }) {
    const { name, template = 'blank' } = wanted;
    const tree = await treeFromTemplate({ name, template }, deps);
    const [first] = await workspaceIds();
    const workspaceId = wanted.workspaceId ?? first;
    if (workspaceId === undefined) throw new SluiceError('workspace.not_found', 'You are in no workspace.');
    const projectId = tree.project.id;
    await cloud(workspaceId).projects.create({ id: projectId, name });
    places.set(projectId, workspaceId);
    const made = await project(projectId);
    await made.commit(() => tree, 'import');
    return made.state().info;
  }

  const { userId, name: ownName } = who().session;
  const presence = createWebPresence({ ...deps, who: { userId, name: ownName }, emit });
  const parts = { ...deps, who, cloud, workspaceOf, workspaceIds, project, emit };
  const runs = createWebRuns({ ...parts, quiet, isOpen: (projectId) => opened.has(projectId) });
  const services: Services<HostApi> = {
    host: {
      describe: () => ({
        version: deps.version,
        shell: 'web',
        platform: 'linux',
        runtimeHash: deps.runtimeHash,
        cloudUrl: publicUrl,
        can: { chooseFolder: false, keychain: false, openExternal: false, local: false },
        supports: ['conflicts', 'history', 'changes', 'presence'],
        projectsDir: '',
      }),
      chooseFolder: () => {
        throw notHere('A page cannot look at folders of this computer.');
      },
      openExternal: () => {
        throw notHere('A page opens addresses by itself.');
      },
      // The page keeps them in the browser, and asks nobody.
      preferences: () => ({ theme: 'system', layout: {} }),
      setPreferences: () => ({ done: true }),
    },
    stepTypes: { list: () => Object.values(stepTypes) },
    projects: {
      list: projectInfos,
      templates: () => listTemplates(deps.templatesDir),
      create,
      openFolder: () => {
        throw notHere('A page cannot open a folder of this computer.');
      },
      open: async ({ projectId }) => {
        const one = await project(projectId);
        presence.opened(one.workspaceId, projectId);
        await one.pull();
        const state = one.state();
        return { ...state, info: { ...state.info, readOnly: !(await mayWrite(one.workspaceId)) } };
      },
      close: ({ projectId }) => {
        opened.delete(projectId);
        presence.closed(projectId);
        return { done: true };
      },
      trust: async ({ projectId }) => (await project(projectId)).state().info,
      copy: () => {
        throw notHere('A page keeps no projects of its own.');
      },
      forget: () => {
        throw notHere('A project of a workspace is not on a list that it could be taken off.');
      },
    },
    documents: webDocumentCalls(parts),
    runs: runs.runs,
    hosted: runs.hosted,
    account: webAccountCalls({ publicUrl, cloud }),
    sync: {
      bind: () => {
        throw notHere('The project is in a workspace already.');
      },
      remote: () => {
        throw notHere('The list of projects has all of them.');
      },
      clone: () => {
        throw notHere('A page cannot put a project into a folder of this computer.');
      },
      now: async ({ projectId }) => {
        const one = await project(projectId);
        await one.pull();
        return one.sync();
      },
    },
    ...webHistoryCalls(parts),
    files: {
      confirmDeletion: () => {
        throw notHere('There are no files here.');
      },
      restoreDeleted: () => {
        throw notHere('There are no files here.');
      },
      mergeMarked: () => {
        throw notHere('There are no files here.');
      },
    },
    presence: {
      tell: (shown) => {
        presence.say(shown);
        return { done: true };
      },
    },
    publish: webPublishCalls(parts),
    connections: {
      connectors: () => Object.values(connectorCatalog()).map((one) => ({ hosts: [], ...one })),
      list: async ({ projectId }) => {
        const one = await project(projectId);
        const records = new Map(
          (await cloud(one.workspaceId).connections.list({})).map((found) => [found.name, found]),
        );
        return Object.entries(one.tree().connections).map(([name, { connector }]) => {
          const record = records.get(name);
          return { name, connector, hosts: record?.hosts ?? [], local: false, hosted: record !== undefined };
        });
      },
      set: async ({ projectId, name, connector, where, secret, hosts }) => {
        if (where === 'local') throw notHere('Secrets for runs on a computer are kept on that computer.');
        if (!findConnector(connector)) {
          throw new SluiceError('connection.not_found', `There is no connector "${connector}".`);
        }
        const one = await project(projectId);
        await cloud(one.workspaceId).connections.set({ name, connector, secret, hosts });
        if (one.tree().connections[name]?.connector !== connector)
          await one.commit((tree) => applyEdit(tree, { type: 'setConnection', name, connector }));
        return { done: true };
      },
      test: async ({ projectId, where, ...entered }) => {
        if (where === 'local') throw notHere('A page cannot try what is for a computer.');
        return cloud((await project(projectId)).workspaceId).connections.test(entered);
      },
    },
  };
  const dispatch = createDispatcher<HostApi, void>(hostApi, services);

  return {
    call: async (name, input) => {
      await limits.take('page', who().session.userId);
      return dispatch(name, input);
    },
    ask: (request) => askInside(deps, who(), request),
    async tell(signal) {
      if (!('projectId' in signal) || places.get(signal.projectId) !== signal.workspaceId) return;
      const open = await opened.get(signal.projectId)?.catch(() => undefined);
      if (signal.kind === 'commit') {
        if (open && signal.revision > open.revision()) await open.pull();
      } else if (signal.kind === 'deployment') {
        const { projectId, deploymentId, workspaceId } = signal;
        if (!open) return;
        const deployment = await quiet(workspaceId).deployments.get({ projectId, deploymentId });
        emit({ type: 'deployment.changed', deployment });
      } else if (signal.kind === 'run') await runs.moved(signal);
      else if (signal.kind === 'presence' || signal.kind === 'presence.who') {
        // All other news is read as the person, and so refused to whoever is a member no more.
        if (await deps.identities.membershipOf(userId, signal.workspaceId)) presence.heard(signal);
      } else if (signal.kind === 'conflicts' && open) {
        const { projectId, workspaceId } = signal;
        emit({ type: 'conflicts.changed', projectId, open: await countOpen(quiet(workspaceId), projectId) });
      }
    },
    close: () => presence.close(),
  };
}
