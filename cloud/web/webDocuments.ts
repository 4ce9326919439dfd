import type { Service } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { applyOps, diffTrees } from '#shared/merge/ops.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { applyEdit } from '#shared/workflow/edit.ts';
import { workflowSlugs, writeProject } from '#shared/workflow/files.ts';
import { listChanges } from '#shared/workflow/listChanges.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { CloudClient } from './innerClient.ts';
import { notHere } from './notHere.ts';
import type { WebProject } from './webProjects.ts';

export type WebDocumentDeps = {
  cloud(workspaceId?: string): CloudClient;
  project(projectId: string): Promise<WebProject>;
  stepTypes: StepCatalog;
};

/** The calls that change a project. Each becomes a commit; it is saved when the call answers. */
export function webDocumentCalls({ cloud, project, stepTypes }: WebDocumentDeps): Service<HostApi['documents']> {
  const fileOf = (tree: Tree, workflowId: string): string => {
    const slug = workflowSlugs(tree).get(workflowId);
    if (slug === undefined) throw new SluiceError('workflow.not_found', 'There is no such workflow in the project.');
    return `workflows/${slug}.yaml`;
  };

  /** What is compared with: a tree of the workspace. */
  async function treeAgainst(
    one: WebProject,
    against: { kind: 'head' } | { kind: 'deployed'; environment: string } | { kind: 'revision'; revision: number },
  ): Promise<Tree> {
    const client = cloud(one.workspaceId);
    const projectId = one.id;
    if (against.kind === 'head') return one.tree();
    if (against.kind === 'revision') return (await client.history.at({ projectId, revision: against.revision })).tree;
    const { data } = await client.deployments.list({ projectId, limit: 100 });
    const live = data.find(({ status, environment }) => status === 'active' && environment === against.environment);
    if (live) return client.versions.tree({ projectId, versionId: live.versionId });
    throw new SluiceError('deployment.not_found', `Nothing is live in ${against.environment} yet.`);
  }

  return {
    edit: async ({ projectId, edits }) => ({
      revision: await (await project(projectId)).commit((tree) => edits.reduce(applyEdit, tree)),
    }),
    patch: async ({ projectId, ops }) => ({
      revision: await (await project(projectId)).commit((tree) => applyOps(tree, ops)),
    }),
    undo: () => {
      throw notHere('This window undoes by itself what was done in it.');
    },
    redo: () => {
      throw notHere('This window does again by itself what was undone in it.');
    },
    changes: async ({ projectId, against }) => {
      const one = await project(projectId);
      const before = await treeAgainst(one, against);
      const tree = one.tree();
      return { before, ops: diffTrees(before, tree).ops, changes: listChanges(before, tree, []) };
    },

    text: async ({ projectId, workflowId }) => {
      const tree = (await project(projectId)).tree();
      const file = fileOf(tree, workflowId);
      return { file, text: writeProject(tree, { catalog: stepTypes })[file] ?? '' };
    },

    setText: async ({ projectId, workflowId, text }) => {
      const one = await project(projectId);
      const file = fileOf(one.tree(), workflowId);
      const read = readProject({ ...writeProject(one.tree(), { catalog: stepTypes }), [file]: text }, stepTypes);
      const workflow = read.tree?.workflows[workflowId];
      if (!workflow || read.unreadable.has(file)) {
        const found = read.problems.filter((problem) => problem.file === file);
        return { accepted: false, revision: one.revision(), problems: found.length > 0 ? found : [otherId(file)] };
      }
      const revision = await one.commit((tree) => applyEdit(tree, { type: 'replaceWorkflow', workflowId, workflow }));
      return { accepted: true, revision, problems: one.problems() };
    },

    setScript: async ({ projectId, path, text }) => ({
      revision: await (await project(projectId)).commit((tree) => applyEdit(tree, { type: 'setScript', path, text })),
    }),

    pin: () => {
      throw notHere('Pinned items are kept on the computer that they were pinned on.');
    },
    setPin: () => {
      throw notHere('Pinned items are kept on the computer that they were pinned on.');
    },
  };
}

function otherId(file: string): Problem {
  const message = 'The text has another id than the workflow it belongs to.';
  const place = { file, line: 1, column: 1 };
  return { ...place, severity: 'error', code: 'workflow.id_changed', message, advice: 'Put the id back.' };
}
