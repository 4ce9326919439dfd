import { SluiceError } from '../../error.ts';
import { merkleHash } from '../../workflow/hash.ts';
import type { Tree } from '../../workflow/tree.ts';
import type { ConflictRecord } from '../conflict.ts';
import { type Commit, commitOf } from '../ops.ts';
import type { rebaseCommit } from '../rebaseCommit.ts';
import { type Answer, after, type ModelServer } from './modelServer.fixture.ts';

/** Two sides that met, on the device or on the server: what they come from, what each made of it, what came out. */
export type Meeting = {
  where: 'device' | 'server';
  /** Whether somebody else had sent something since the base. */
  rebased: boolean;
  base: Tree;
  theirs: Tree;
  ours: Tree;
  merged: Tree;
  records: ConflictRecord[];
};

/** What happens on the way: the answer never arrives, or the device fetches before it sends again. */
export type Luck = { answerIsLost?: boolean; fetchesFirst?: boolean };

/** One person's device: a tree that is edited without the server, and what both agreed on last. */
export type ModelClient = {
  name: string;
  tree(): Tree;
  /** Whether there is something to send. */
  isAhead(): boolean;
  /** Whether a commit is on its way: it is sent before anything is edited. */
  isWaiting(): boolean;
  edit(change: (tree: Tree) => Tree): void;
  /** One step towards being synced: a push, or a merge with what came meanwhile. Undefined where nothing met. */
  step(luck: Luck): Meeting | undefined;
  /** Takes in what others sent; only where there is nothing to send. */
  pull(): void;
};

export type ModelClientDeps = {
  name: string;
  server: ModelServer;
  rebase: typeof rebaseCommit;
  uuid(): string;
};

/** What waits to be sent, with the records of the merges that it went through. */
type Waiting = { commit: Commit; records: ConflictRecord[] };

export function createModelClient({ name, server, rebase, uuid }: ModelClientDeps): ModelClient {
  let base = server.head();
  let tree = base.tree;
  let waiting: Waiting | undefined;

  const isAhead = () => waiting !== undefined || (tree !== base.tree && merkleHash(tree) !== merkleHash(base.tree));

  function begin(): Waiting {
    const about = { commitId: uuid(), deviceId: DEVICE, baseRevision: base.revision, origin: 'canvas' } as const;
    return { commit: commitOf(base.tree, tree, about), records: [] };
  }

  function fetch(): void {
    base = { revision: server.head().revision, tree: after(base.tree, server.since(base.revision)) };
    tree = base.tree;
  }

  /** What came meanwhile is put beneath what waits. */
  function merge(sent: Waiting): Meeting | undefined {
    const [from, ours] = [base.tree, tree];
    const { tree: merged, rebased, conflicts } = rebase(from, server.since(base.revision), sent.commit, name);
    fetch();
    tree = merged;
    waiting = rebased && { commit: rebased, records: [...sent.records, ...conflicts] };
    // It had been taken, only the answer was lost.
    if (!rebased) return undefined;
    return { where: 'device', rebased: true, base: from, theirs: base.tree, ours, merged, records: conflicts };
  }

  return {
    name,
    tree: () => tree,
    isAhead,
    isWaiting: () => waiting !== undefined,
    edit(change) {
      if (waiting) throw new Error('A model client sends what it has before it goes on.');
      tree = change(tree);
    },
    step({ answerIsLost = false, fetchesFirst = false }) {
      if (!isAhead()) return undefined;
      waiting ??= begin();
      if (fetchesFirst) return merge(waiting);
      const before = server.head();
      let answer: Answer;
      try {
        answer = server.push(waiting.commit, name, waiting.records);
      } catch (thrown) {
        if (!(thrown instanceof SluiceError) || thrown.code !== 'project.rebase_required') throw thrown;
        return merge(waiting);
      }
      const now = server.head();
      const sides = { base: base.tree, theirs: before.tree, ours: tree, merged: now.tree };
      if (!answerIsLost) {
        waiting = undefined;
        fetch();
      }
      return now.revision > before.revision
        ? { where: 'server', rebased: answer.rebased, ...sides, records: [] }
        : undefined;
    },
    pull() {
      if (isAhead()) throw new Error('A model client sends what it has before it fetches.');
      fetch();
    },
  };
}

const DEVICE = '0199f2c0-0000-7000-8000-000000000009';
