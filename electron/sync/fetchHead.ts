import { SluiceError } from '#shared/error.ts';
import { applyOps, type Commit } from '#shared/merge/ops.ts';
import { parse } from '#shared/parse.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { dataFault } from '#shared/workflow/plainData.ts';
import { Tree } from '#shared/workflow/tree.ts';
import type { CloudClient } from '../account/cloudClient.ts';

/** A commit of the workspace's, with who sent it. */
export type Seen = { revision: number; authorName?: string; commit: Commit };
export type Head = { revision: number; tree: Tree; since: Seen[] };

/**
 * The server's head: the base with the commits since, where that gives the hash the server says; else fetched whole.
 *
 * @param told commits that the feed brought; where they lead on from the base without a gap, nothing is asked
 */
export async function fetchHead(
  cloud: CloudClient,
  projectId: string,
  base: { revision: number; tree: Tree },
  told: readonly (Seen & { hash: string })[],
): Promise<Head> {
  const last = told.at(-1);
  if (last && told.every(({ revision }, i) => revision === base.revision + 1 + i)) {
    const tree = treeAfter(projectId, base.tree, told, last.hash);
    if (tree) return { revision: last.revision, tree, since: [...told] };
  }
  const { revision, hash, commits } = await cloud.projects.commits({ projectId, since: base.revision });
  if (revision === base.revision && hash === merkleHash(base.tree)) return { ...base, since: [] };
  const tree = treeAfter(projectId, base.tree, commits, hash);
  if (tree) return { revision, tree, since: commits };
  const head = await cloud.projects.head({ projectId });
  checkHead(projectId, head);
  return { revision: head.revision, tree: head.tree, since: commits };
}

/**
 * A tree from elsewhere is checked before it becomes files here.
 *
 * @throws SluiceError project.invalid where it is not what it says, another project, or holds what no file can
 */
export function checkHead(projectId: string, { tree, hash }: { tree: Tree; hash: string }): void {
  parse(Tree, tree, 'The project in the cloud', 'project.invalid');
  // As deep as the control plane itself lets a part of a project be.
  const fault = tree.project.id === projectId ? dataFault(tree, -1) : 'it is another project';
  if (fault === undefined && merkleHash(tree) === hash) return;
  const why = fault === undefined ? '' : `: ${fault}`;
  throw new SluiceError('project.invalid', `What the control plane sent is not what it says it has${why}.`, {
    advice: 'Try again; if it stays so, tell who runs it.',
  });
}

function treeAfter(projectId: string, base: Tree, commits: readonly Seen[], hash: string): Tree | undefined {
  try {
    const tree = commits.reduce((tree, { commit }) => applyOps(tree, commit.ops), base);
    checkHead(projectId, { tree, hash });
    return tree;
  } catch (thrown) {
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}

/** Who of the others last changed something at, in or above a place. */
export function lastAuthor(since: readonly Seen[], path: readonly string[]): string | undefined {
  return since.findLast(({ commit }) => commit.ops.some((op) => meets(op.path, path)))?.authorName;
}

function meets(a: readonly string[], b: readonly string[]): boolean {
  const shorter = Math.min(a.length, b.length);
  return a.slice(0, shorter).every((key, i) => key === b[i]);
}
