import type { ProjectInfo, SyncState } from '#shared/contract/host/common.ts';
import type { ProjectState } from '#shared/contract/host/projects.ts';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import { applyOps, commitOf, diffTrees, type Origin } from '#shared/merge/ops.ts';
import { rebaseCommit } from '#shared/merge/rebaseCommit.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import type { CloudClient } from './innerClient.ts';

export type WebProjectDeps = {
  cloud: CloudClient;
  stepTypes: StepCatalog;
  /** Of this window, in the place of a device. */
  deviceId: string;
  /** Who edits here. */
  name: string;
  emit(event: HostEvent): void;
  now(): number;
  uuid(): string;
};

/** A project that one window has open. Its revision is that of the workspace. */
export type WebProject = {
  id: string;
  workspaceId: string;
  tree(): Tree;
  revision(): number;
  problems(): Problem[];
  state(): ProjectState;
  sync(): SyncState;
  /** Makes a commit of what `change` does to the tree. Gives the revision in which it is. */
  commit(change: (tree: Tree) => Tree, origin?: Origin): Promise<number>;
  /** Fetches what others did and tells it. */
  pull(): Promise<void>;
};

/** Somebody else may be quicker each time; who loses this often has met something else. */
const MOST_REBASES = 8;

/**
 * Opens a project for one window. An edit becomes a commit on the revision that the window was told last: the server puts it on
 * top of newer ones, or it is merged here by structure, with a record of every place where two answers met.
 *
 * @throws SluiceError project.not_found
 */
export async function openWebProject(
  at: { projectId: string; workspaceId: string },
  deps: WebProjectDeps,
): Promise<WebProject> {
  const { cloud, stepTypes, emit } = deps;
  const { projectId, workspaceId } = at;
  let { tree, revision } = await cloud.projects.head({ projectId });
  let queue: Promise<unknown> = Promise.resolve();
  const own = new Set<string>();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  }

  const problems = () => validateTree(tree, stepTypes);
  const sync = (): SyncState => ({ state: 'synced', revision, pending: 0, workspaceId });
  const info = (): ProjectInfo => ({
    id: projectId,
    name: tree.project.name,
    dir: '',
    workflowCount: Object.keys(tree.workflows).length,
    trusted: true,
    sync: sync(),
    openedAt: new Date(deps.now()).toISOString(),
  });

  function advance(next: Tree, nextRevision: number, origin: 'canvas' | 'sync'): void {
    const { ops } = diffTrees(tree, next);
    tree = next;
    revision = nextRevision;
    emit({ type: 'project.changed', projectId, revision, origin, ops, problems: problems(), unreadable: [] });
    emit({ type: 'project.sync', projectId, sync: sync() });
  }

  async function catchUp(): Promise<void> {
    for (;;) {
      const { commits, revision: newest } = await cloud.projects.commits({ projectId, since: revision });
      for (const { revision: taken, commit } of commits) {
        advance(applyOps(tree, commit.ops), taken, own.delete(commit.commitId) ? 'canvas' : 'sync');
      }
      if (commits.length === 0 || revision >= newest) return;
    }
  }

  async function push(change: (tree: Tree) => Tree, origin: Origin): Promise<number> {
    const next = change(tree);
    const base = { tree, revision };
    const about = { commitId: deps.uuid(), deviceId: deps.deviceId, baseRevision: base.revision, origin };
    const wanted = commitOf(tree, next, about);
    if (wanted.ops.length === 0) return revision;
    own.add(wanted.commitId);
    let commit = wanted;
    let conflicts: ConflictRecord[] = [];
    for (let turn = 1; ; turn++) {
      try {
        const answer = await cloud.projects.push({ projectId, commit, conflicts });
        if (answer.revision === base.revision + 1) {
          own.delete(wanted.commitId);
          advance(next, answer.revision, 'canvas');
        } else await catchUp();
        return answer.revision;
      } catch (thrown) {
        const again = thrown instanceof SluiceError && thrown.code === 'project.rebase_required' && turn < MOST_REBASES;
        if (!again) {
          own.delete(wanted.commitId);
          throw thrown;
        }
        const { commits } = await cloud.projects.commits({ projectId, since: base.revision });
        const newer = commits.map(({ revision: number, authorName, commit: taken }) => {
          return { revision: number, author: authorName, commit: taken };
        });
        const rebased = rebaseCommit(base.tree, newer, wanted, deps.name);
        if (!rebased.rebased || rebased.rebased.ops.length === 0) {
          await catchUp();
          return revision;
        }
        commit = rebased.rebased;
        conflicts = rebased.conflicts;
      }
    }
  }

  return {
    id: projectId,
    workspaceId,
    tree: () => tree,
    revision: () => revision,
    problems,
    sync,
    state: () => ({ info: info(), revision, tree, problems: problems(), unreadable: [] }),
    commit: (change, origin = 'canvas') => inTurn(() => push(change, origin)),
    pull: () => inTurn(catchUp),
  };
}
