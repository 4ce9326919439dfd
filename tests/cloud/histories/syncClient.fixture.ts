import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import { applyOps, type Commit, commitOf } from '#shared/merge/ops.ts';
import { rebaseCommit, type TakenCommit } from '#shared/merge/rebaseCommit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Actor } from '../../../cloud/server/actor.ts';

/** What a device asks of one process of the control plane. */
export type Sync = Pick<Service<typeof cloudApi.projects, Actor>, 'head' | 'commits' | 'push'>;

/** On the way there, in the middle of the work, or on the way back. */
export type Luck = 'well' | 'neverArrives' | 'rolledBack' | 'answerIsLost';

/** A merge on a device, with what it comes from, what each side made of it, and what came out. */
export type DeviceMerge = { base: Tree; theirs: Tree; ours: Tree; merged: Tree; records: ConflictRecord[] };

/** A commit that the device was told is taken. */
export type Acknowledged = {
  commit: Commit;
  records: ConflictRecord[];
  base: Tree;
  ours: Tree;
  answer: { revision: number; hash: string; rebased: boolean };
};

type Waiting = { commit: Commit; records: ConflictRecord[] };

export class Cut extends Error {}

/** A device with one commit on its way at most, over a network and to processes that fail. */
export type SyncClient = {
  name: string;
  tree(): Tree;
  isAhead(): boolean;
  isWaiting(): boolean;
  edit(change: (tree: Tree) => Tree): void;
  /** One try to send what there is. */
  send(to: Sync, luck: Luck): Promise<void>;
  pull(from: Sync): Promise<void>;
  acknowledged: Acknowledged[];
  merges: DeviceMerge[];
};

export type SyncClientDeps = {
  name: string;
  actor: Actor;
  projectId: string;
  first: { revision: number; tree: Tree };
  uuid(): string;
};

export function createSyncClient({ name, actor, projectId, first, uuid }: SyncClientDeps): SyncClient {
  const acknowledged: Acknowledged[] = [];
  const merges: DeviceMerge[] = [];
  const deviceId = uuid();
  let base = first;
  let tree = first.tree;
  let waiting: Waiting | undefined;

  async function newer(from: Sync): Promise<TakenCommit[]> {
    const { commits } = await from.commits({ projectId, since: base.revision }, actor);
    return commits.map(({ revision, authorName, commit }) => ({
      revision,
      author: authorName,
      commit,
    })) as TakenCommit[];
  }

  const after = (from: typeof base, taken: TakenCommit[]) => ({
    revision: taken.at(-1)?.revision ?? from.revision,
    tree: taken.reduce((now, { commit }) => applyOps(now, commit.ops), from.tree),
  });

  async function merge(sent: Waiting, from: Sync): Promise<void> {
    const taken = await newer(from);
    const [before, ours] = [base, tree];
    const merged = rebaseCommit(before.tree, taken, sent.commit, name);
    base = after(before, taken);
    tree = merged.tree;
    const mine = taken.find(({ commit }) => commit.commitId === sent.commit.commitId);
    if (mine || !merged.rebased) {
      // Taken already: only the answer was lost.
      waiting = undefined;
      return;
    }
    waiting = { commit: merged.rebased, records: [...sent.records, ...merged.conflicts] };
    merges.push({ base: before.tree, theirs: base.tree, ours, merged: tree, records: merged.conflicts });
  }

  return {
    name,
    tree: () => tree,
    isAhead: () => waiting !== undefined || tree !== base.tree,
    isWaiting: () => waiting !== undefined,
    edit(change) {
      if (waiting) throw new Error('A device sends what it has before it goes on.');
      tree = change(tree);
    },
    async send(to, luck) {
      if (!waiting && tree === base.tree) return;
      waiting ??= {
        commit: commitOf(base.tree, tree, {
          commitId: uuid(),
          deviceId,
          baseRevision: base.revision,
          origin: 'canvas',
        }),
        records: [],
      };
      const sent = waiting;
      if (luck === 'neverArrives') return;
      let answer: Acknowledged['answer'];
      try {
        answer = await to.push({ projectId, commit: sent.commit, conflicts: sent.records }, actor);
      } catch (thrown) {
        if (thrown instanceof Cut) return;
        if (!(thrown instanceof SluiceError) || thrown.code !== 'project.rebase_required') throw thrown;
        await merge(sent, to);
        return;
      }
      if (luck === 'answerIsLost') return;
      acknowledged.push({ ...sent, base: base.tree, ours: tree, answer });
      waiting = undefined;
      // With whatever others sent beside it.
      base = after(base, await newer(to));
      tree = base.tree;
    },
    async pull(from) {
      if (waiting || tree !== base.tree) throw new Error('A device sends what it has before it fetches.');
      base = after(base, await newer(from));
      tree = base.tree;
    },
    acknowledged,
    merges,
  };
}
