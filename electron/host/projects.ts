import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Service } from '#shared/contract/contract.ts';
import type { ProjectInfo } from '#shared/contract/host/common.ts';
import type { ProjectState } from '#shared/contract/host/projects.ts';
import type { HostApi, HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { slugOf } from '#shared/ids.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Runners } from '../runner/runner.ts';
import type { AppDb, ProjectRow } from '../store/appDb.ts';
import { readProjectFolder } from '../store/projectFolder.ts';
import type { CloudServices } from './cloudServices.ts';
import { copyProject } from './copyProject.ts';
import { type OpenProject, openProject } from './projectHost.ts';
import { createFromTemplate, listTemplates } from './templates.ts';

export type ProjectSetDeps = {
  appDb: AppDb;
  catalog: StepCatalog;
  cloud: CloudServices;
  runners: Runners;
  emit(event: HostEvent): void;
  program: string;
  projectsDir: string;
  now(): number;
  uuid(): string;
};

/** The projects this computer knows, and those that are open. */
export type ProjectSet = {
  calls: Service<HostApi['projects']>;
  /** The project, opened where it is not. @throws SluiceError project.not_found, project.locked, project.invalid */
  get(projectId: string): Promise<OpenProject>;
  /** The project if it is open. */
  peek(projectId: string): OpenProject | undefined;
  isTrusted(projectId: string): boolean;
  open(): OpenProject[];
  /** Where this computer has a project. */
  dirOf(projectId: string): string | undefined;
  /** A folder that is not there yet, named after a project. */
  free(name: string): string;
  /** Puts a folder on the list, untrusted. */
  add(dir: string): Promise<ProjectInfo>;
  /** Makes a project in a folder of its own. It is ours, so it is trusted. */
  create(wanted: { name: string; template?: string; dir?: string }): Promise<ProjectInfo>;
  close(): Promise<void>;
};

export function createProjectSet(deps: ProjectSetDeps): ProjectSet {
  const { appDb, cloud, runners, now } = deps;
  const opening = new Map<string, Promise<OpenProject>>();
  const open = new Map<string, OpenProject>();

  const rowOf = (projectId: string): ProjectRow => {
    const row = appDb.project(projectId);
    if (row) return row;
    throw new SluiceError('project.not_found', 'This computer knows no such project.', {
      advice: 'Open the folder that it is in.',
    });
  };
  const isTrusted = (projectId: string) => appDb.isTrusted(rowOf(projectId).dir, projectId);
  const infoOf = (row: ProjectRow): ProjectInfo => {
    const tree = open.get(row.id)?.tree();
    return {
      ...row,
      name: tree?.project.name ?? row.name,
      workflowCount: tree ? Object.keys(tree.workflows).length : row.workflowCount,
      trusted: appDb.isTrusted(row.dir, row.id),
      sync: cloud.syncState(row.id),
    };
  };

  async function openRow(row: ProjectRow): Promise<OpenProject> {
    const project = await openProject(row.dir, {
      catalog: deps.catalog,
      program: deps.program,
      now,
      uuid: deps.uuid,
      emit: (event) => {
        deps.emit(event);
        // An answer to a conflict may change nothing but the record.
        const isNews = event.type === 'project.changed' && event.origin !== 'sync' && event.ops.length > 0;
        if (isNews || event.type === 'conflicts.changed') {
          const changed = open.get(event.projectId);
          if (changed) cloud.projectChanged(changed);
        }
      },
    });
    if (project.id !== row.id) {
      await project.close();
      throw new SluiceError('project.not_found', `${row.dir} holds another project now.`, {
        advice: 'Open the folder again to add the project that is there.',
      });
    }
    open.set(row.id, project);
    appDb.saveProject({ ...row, ...summaryOf(project.tree()), openedAt: new Date(now()).toISOString() });
    if (appDb.isTrusted(row.dir, row.id)) runners.start(row.id);
    cloud.projectOpened(project);
    return project;
  }

  async function get(projectId: string): Promise<OpenProject> {
    const already = opening.get(projectId);
    if (already) return already;
    const project = openRow(rowOf(projectId));
    opening.set(projectId, project);
    project.catch(() => opening.delete(projectId));
    return project;
  }

  async function closeOne(projectId: string): Promise<void> {
    const project = await opening.get(projectId)?.catch(() => undefined);
    opening.delete(projectId);
    open.delete(projectId);
    if (!project) return;
    cloud.projectClosed(projectId);
    const row = appDb.project(projectId);
    if (row) appDb.saveProject({ ...row, ...summaryOf(project.tree()) });
    await project.close();
  }

  /** Adds a folder to the list. Reads it only; nothing of it is executed. */
  async function add(folder: string): Promise<ProjectInfo> {
    const dir = resolve(folder);
    const { files } = await readProjectFolder(dir);
    const { tree, problems } = readProject(files, deps.catalog);
    // With a broken workflow the project opens all the same; without its own name and id it cannot.
    const known = tree ?? readProject({ 'sluice.yaml': files['sluice.yaml'] ?? '' }, deps.catalog).tree;
    if (!known) {
      const [first] = problems;
      throw new SluiceError('project.invalid', `${first?.file}:${first?.line}: ${first?.message}`, {
        advice: first?.advice,
      });
    }
    const before = appDb.project(known.project.id);
    if (before && before.dir !== dir && existsSync(join(before.dir, 'sluice.yaml'))) {
      throw new SluiceError(
        'project.exists',
        `${dir} has the same id as the project in ${before.dir}; it is a copy of it.`,
        {
          advice: 'Open that one, or give the copy an "id" of its own in its sluice.yaml.',
          details: { dir: before.dir, id: known.project.id },
        },
      );
    }
    const row = { id: known.project.id, dir, ...summaryOf(known), openedAt: new Date(now()).toISOString() };
    appDb.saveProject(row);
    return infoOf(row);
  }

  async function create({ name, template = 'blank', dir }: { name: string; template?: string; dir?: string }) {
    const place = dir === undefined ? freeFolder(deps.projectsDir, name) : resolve(dir);
    await createFromTemplate({ dir: place, name, template }, { uuid: deps.uuid });
    const { id } = await add(place);
    appDb.trust(place, id, new Date(now()).toISOString());
    return infoOf(rowOf(id));
  }

  async function copy({ projectId, name }: { projectId: string; name: string }): Promise<ProjectInfo> {
    const project = await get(projectId);
    await project.flush();
    const dir = freeFolder(deps.projectsDir, name);
    await copyProject(project, dir, { id: deps.uuid(), name }, deps.catalog);
    const info = await add(dir);
    if (!isTrusted(projectId)) return info;
    appDb.trust(dir, info.id, new Date(now()).toISOString());
    return infoOf(rowOf(info.id));
  }

  return {
    get,
    peek: (projectId) => open.get(projectId),
    isTrusted,
    open: () => [...open.values()],
    create,
    add,
    free: (name) => freeFolder(deps.projectsDir, name),
    dirOf: (projectId) => appDb.project(projectId)?.dir,
    close: async () => {
      await Promise.all([...opening.keys()].map(closeOne));
    },
    calls: {
      list: () => appDb.projects().map(infoOf),
      templates: () => listTemplates(),
      create,
      copy,
      openFolder: ({ dir }) => add(dir),
      open: async ({ projectId }) => {
        const project = await get(projectId);
        return {
          info: infoOf(rowOf(projectId)),
          revision: project.revision(),
          tree: project.tree(),
          problems: project.problems(),
          unreadable: project.unreadable(),
          canUndo: project.canUndo(),
          canRedo: project.canRedo(),
          ...pendingOf(project),
        };
      },
      close: async ({ projectId }) => {
        await closeOne(projectId);
        return { done: true };
      },
      trust: async ({ projectId }) => {
        const row = rowOf(projectId);
        appDb.trust(row.dir, projectId, new Date(now()).toISOString());
        if (open.has(projectId)) runners.start(projectId);
        return infoOf(row);
      },
      forget: async ({ projectId }) => {
        await closeOne(projectId);
        await runners.stop(projectId);
        appDb.forgetProject(projectId);
        return { done: true };
      },
    },
  };
}

function pendingOf(project: OpenProject): Pick<ProjectState, 'deletion'> {
  const deletion = project.deletion();
  return deletion ? { deletion } : {};
}

function summaryOf(tree: Tree): { name: string; workflowCount: number } {
  return { name: tree.project.name, workflowCount: Object.keys(tree.workflows).length };
}

function freeFolder(projectsDir: string, name: string): string {
  const slug = slugOf(name);
  let dir = join(projectsDir, slug);
  for (let n = 2; existsSync(dir); n++) dir = join(projectsDir, `${slug}-${n}`);
  return dir;
}
