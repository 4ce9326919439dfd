import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { v7 as uuid } from 'uuid';
import { catalog } from '#runtime/connectors/registry.ts';
import type { Workspace } from '#shared/contract/cloud/common.ts';
import type { AccountState } from '#shared/contract/host/account.ts';
import { SluiceError } from '#shared/error.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import { keyEnded } from '../account/keyAccount.ts';
import { type OpenProject, openProject } from '../host/projectHost.ts';
import type { HostServices } from '../host/services.ts';
import { notBound } from '../sync/syncService.ts';
import { bindingOf } from '../sync/syncStore.ts';
import { type CliContext, usageError } from './context.ts';
import { loadProject } from './localProject.ts';

/** Who is signed in, asked now. @throws SluiceError access.unauthenticated, cloud.unreachable */
export async function requireAccount(context: CliContext): Promise<{ services: HostServices; account: AccountState }> {
  const services = await context.services();
  const account = await services.cloud.parts.account.refresh();
  if (account.status === 'signed_in') return { services, account };
  if (account.status === 'unreachable') {
    throw new SluiceError('cloud.unreachable', `The control plane at ${account.cloudUrl} does not answer.`, {
      advice: 'Start it with "sluice cloud", or name another one in SLUICE_URL.',
    });
  }
  const ended = account.status === 'expired';
  if (ended && context.env.SLUICE_API_KEY) throw keyEnded();
  throw new SluiceError('access.unauthenticated', ended ? 'Your sign-in has ended.' : 'You are not signed in.', {
    advice: 'Run "sluice login".',
  });
}

/**
 * The control plane in the workspace that a project's folder is bound to. Only looks, so it works beside a desktop that has
 * the project open.
 *
 * @throws SluiceError project.not_found, workspace.not_found where it is bound to none
 */
export async function boundCloud(
  context: CliContext,
  folder: string,
): Promise<{ projectId: string; cloud: CloudClient }> {
  const { tree, dir } = await loadProject(context, folder);
  const { services } = await requireAccount(context);
  const workspaceId = readWorkspace(dir, services.cloud.cloudUrl);
  if (workspaceId === undefined) throw notBound();
  return { projectId: tree.project.id, cloud: services.cloud.parts.account.client(workspaceId) };
}

function readWorkspace(dir: string, cloudUrl: string): string | undefined {
  const file = join(dir, '.sluice', 'state.db');
  if (!existsSync(file)) return undefined;
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    const row = db.prepare(`SELECT value FROM meta WHERE key = 'sync.binding'`).get();
    return row && bindingOf(String(row.value), cloudUrl)?.workspaceId;
  } finally {
    db.close();
  }
}

/**
 * Opens a project for a command that changes it or what is in the cloud of it; in a workspace, if it was in none.
 *
 * @param wanted a workspace by name, slug or id, for a project that is in none yet
 * @throws SluiceError project.locked where the desktop has it open
 */
export async function withCloudProject<T>(
  context: CliContext,
  folder: string,
  wanted: string | undefined,
  work: (project: OpenProject, services: HostServices) => Promise<T>,
): Promise<T> {
  const { services, account } = await requireAccount(context);
  const { cloud } = services;
  const dir = resolve(context.cwd, folder);
  const project = await openProject(dir, {
    catalog: catalog(),
    emit: () => undefined,
    program: 'The command line',
    now: Date.now,
    uuid,
  });
  try {
    cloud.attach({
      project: async () => project,
      openProjects: () => [project],
      emit: () => undefined,
      openExternal: async () => false,
    });
    cloud.projectOpened(project);
    if (cloud.syncState(project.id).workspaceId === undefined) {
      const workspaceId = chooseWorkspace(account.workspaces, wanted).id;
      await cloud.sync.bind({ projectId: project.id, workspaceId });
    }
    return await work(project, services);
  } finally {
    cloud.projectClosed(project.id);
    await project.close();
  }
}

function chooseWorkspace(workspaces: Workspace[], wanted: string | undefined): Workspace {
  const names = workspaces.map(({ slug }) => slug).join(', ');
  if (wanted !== undefined) {
    const found = workspaces.find(({ id, slug, name }) => wanted === id || wanted === slug || wanted === name);
    if (found) return found;
    throw new SluiceError('workspace.not_found', `You are in no workspace "${wanted}".`, {
      advice: `You are in ${names}.`,
    });
  }
  const [only, ...more] = workspaces;
  if (only && more.length === 0) return only;
  throw usageError(
    'The project is in no workspace yet, and you are in several.',
    `Name one with --workspace: ${names}.`,
  );
}
