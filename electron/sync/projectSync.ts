import type { SyncState } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { applyOps, commitOf, diffTrees } from '#shared/merge/ops.ts';
import { parse } from '#shared/parse.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { Tree } from '#shared/workflow/tree.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import { cloudKey } from '../account/cloudKey.ts';
import { mergeFile } from '../host/mergeFile.ts';
import type { OpenProject } from '../host/projectHost.ts';
import { commonParts } from './commonParts.ts';
import { keepConflict } from './conflictFile.ts';
import { type Base, type Outgoing, openSyncStore } from './syncStore.ts';

export type ProjectSyncDeps = {
  project: OpenProject;
  /** The control plane, in the workspace that the project is bound to. */
  cloud(workspaceId: string): CloudClient;
  cloudUrl: string;
  deviceId(): string;
  /** Whether there is a sign-in that can be used or renewed. */
  signedIn(): boolean;
  onState(state: SyncState): void;
  now(): number;
  uuid(): string;
};

/** One project and its copy in the cloud. Everything it must not forget is in the project's own database. */
export type ProjectSync = {
  state(): SyncState;
  workspaceId(): string | undefined;
  /** The last tree both sides agreed on. */
  base(): Base | undefined;
  /**
   * Sends what is here and fetches what is there until both are the same.
   *
   * @param pull false: fetch only where the server asks for it
   * @throws SluiceError cloud.unreachable, session.expired, or what the control plane refused
   */
  sync(pull?: boolean): Promise<SyncState>;
  /** Makes the project in a workspace, or meets the one that is there, and syncs. */
  bind(workspaceId: string): Promise<SyncState>;
  /** A person has seen what gave way; their versions stay on the disk. */
  acknowledge(): void;
  /** The server has, or may have, something newer. */
  noteRemote(revision?: number): void;
};

const MAX_ROUNDS = 20;

export function createProjectSync(deps: ProjectSyncDeps): ProjectSync {
  const { project } = deps;
  const store = openSyncStore(project.db);
  let queue: Promise<unknown> = Promise.resolve();
  /** Whether the server may have something we do not: so it is at the start. */
  let behind = true;
  /** The newest revision the server spoke of. */
  let heard = 0;

  /** A binding to another control plane than this program talks to is none for now; it is kept. */
  const bound = () => {
    const binding = store.binding();
    return binding?.cloudUrl === cloudKey(deps.cloudUrl) ? binding : undefined;
  };
  const isoNow = () => new Date(deps.now()).toISOString();

  function state(): SyncState {
    const binding = bound();
    const base = store.base();
    if (!binding || !base) return { state: 'local_only', pending: 0 };
    const pending = store.countPending(base.localRevision);
    const note = store.note();
    const synced = base.syncedAt === '' ? {} : { syncedAt: base.syncedAt };
    const about = { revision: base.revision, pending, workspaceId: binding.workspaceId, ...synced };
    if (note?.kind === 'conflict') return { ...about, state: 'conflict', reason: note.reason };
    if (!deps.signedIn()) return { ...about, state: 'needs_sign_in' };
    if (note) return { ...about, state: 'cannot_sync', reason: note.reason };
    if (pending > 0 || store.outgoing()) return { ...about, state: 'ahead' };
    return { ...about, state: heard > base.revision ? 'behind' : 'synced' };
  }

  function tell(): SyncState {
    const now = state();
    deps.onState(now);
    return now;
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  }

  async function run(pull: boolean): Promise<SyncState> {
    const binding = bound();
    if (!binding) return state();
    const cloud = deps.cloud(binding.workspaceId);
    if (pull) behind = true;
    try {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const left = store.outgoing();
        const waiting = left ?? (behind ? undefined : prepare());
        if (waiting) await push(cloud, waiting, left !== undefined);
        else if (behind) await advance(cloud, need(store.base()).tree);
        else return tell();
      }
      throw new SluiceError('rate.exceeded', 'The project changes faster than it can be sent.', {
        advice: 'It is tried again in a moment.',
      });
    } catch (thrown) {
      note(thrown);
      throw thrown;
    } finally {
      tell();
    }
  }

  /** What is here and not there, as one commit: edits that cancel each other out are never sent. */
  function prepare(): Outgoing | undefined {
    const base = need(store.base());
    const localRevision = project.revision();
    const tree = project.tree();
    if (tree === base.tree || merkleHash(tree) === merkleHash(base.tree)) {
      if (base.localRevision !== localRevision) store.settle({ ...base, localRevision });
      clearRefusal();
      return undefined;
    }
    const about = {
      commitId: deps.uuid(),
      deviceId: deps.deviceId(),
      baseRevision: base.revision,
      origin: 'canvas',
    } as const;
    const outgoing = { commit: commitOf(base.tree, tree, about), localRevision };
    store.setOutgoing(outgoing);
    return outgoing;
  }

  /** @param again it may have been taken before, so that the answer says nothing about what came after it */
  async function push(cloud: CloudClient, { commit, localRevision }: Outgoing, again: boolean): Promise<void> {
    const base = need(store.base());
    try {
      const answer = await cloud.projects.push({ projectId: project.id, commit });
      const ours = applyOps(base.tree, commit.ops);
      clearRefusal();
      if (answer.revision === base.revision + 1 && answer.hash === merkleHash(ours)) {
        store.settle({ revision: answer.revision, tree: ours, localRevision, syncedAt: isoNow() });
        behind = again || heard > answer.revision;
      } else await advance(cloud, ours, localRevision);
    } catch (thrown) {
      const code = thrown instanceof SluiceError ? thrown.code : undefined;
      if (code === 'project.rebase_required') {
        store.setOutgoing(undefined);
        behind = true;
        await advance(cloud, base.tree, base.localRevision, commit.commitId);
      } else {
        // Refused for good as it is: what is sent next is made anew from what the project is then.
        if (isRefusal(thrown)) store.setOutgoing(undefined);
        throw thrown;
      }
    }
  }

  /**
   * Takes in what the server has.
   *
   * @param ancestor what both sides come from: the base, with what of ours the server has taken
   */
  async function advance(
    cloud: CloudClient,
    ancestor: Tree,
    sent = need(store.base()).localRevision,
    commitId?: string,
  ): Promise<void> {
    const head = await fetchHead(cloud);
    // Nothing below waits: the project may be edited whenever somebody else has the turn.
    const merged = mergeFile(ancestor, head.tree, project.tree());
    const { ops } = diffTrees(project.tree(), merged.tree);
    if (merged.superseded.length > 0) {
      const reason = 'The cloud had another value.';
      project.db.supersede(merged.superseded.map((op) => ({ op, at: isoNow(), reason })));
      store.setNote({
        kind: 'conflict',
        reason: conflictReason(
          merged.superseded.map((op) => op.path),
          merged.tree,
        ),
      });
    }
    if (ops.length > 0) project.patch(ops, 'sync');
    store.settle({ ...head, localRevision: sent, syncedAt: isoNow() });
    behind = false;
    if (merged.superseded.length > 0) {
      const id = commitId ?? deps.uuid();
      await keepConflict(project.dir, { commitId: id, at: isoNow(), revision: head.revision, ops: merged.superseded });
    }
  }

  /** The server's head: the base with the commits since, where that gives the hash the server says; else fetched whole. */
  async function fetchHead(cloud: CloudClient): Promise<{ revision: number; tree: Tree }> {
    const { id: projectId } = project;
    const base = need(store.base());
    const { revision, hash, commits } = await cloud.projects.commits({ projectId, since: base.revision });
    if (revision === base.revision && hash === merkleHash(base.tree)) return base;
    try {
      const tree = commits.reduce((tree, { commit }) => applyOps(tree, commit.ops), base.tree);
      if (merkleHash(tree) === hash) return { revision, tree: checked(tree) };
    } catch (thrown) {
      if (!(thrown instanceof SluiceError)) throw thrown;
    }
    const head = await cloud.projects.head({ projectId });
    if (merkleHash(head.tree) !== head.hash) {
      throw new SluiceError('project.invalid', 'What the control plane sent is not what it says it has.', {
        advice: 'Try again; if it stays so, tell who runs it.',
      });
    }
    return { revision: head.revision, tree: head.tree };
  }

  function clearRefusal(): void {
    if (store.note()?.kind === 'refused') store.setNote(undefined);
  }

  function note(thrown: unknown): void {
    if (!isRefusal(thrown) || store.note()?.kind === 'conflict') return;
    const { message, advice } = SluiceError.from(thrown);
    store.setNote({ kind: 'refused', reason: advice ? `${message} ${advice}` : message });
  }

  async function bind(workspaceId: string): Promise<SyncState> {
    const binding = store.binding();
    if (binding && bound()?.workspaceId === workspaceId) return run(true);
    if (binding) {
      throw new SluiceError('project.exists', 'The project belongs to another workspace or control plane already.', {
        advice: 'Give a copy of it an id of its own in its sluice.yaml to put that one elsewhere.',
      });
    }
    const cloud = deps.cloud(workspaceId);
    const { id, name } = project.tree().project;
    await cloud.projects.create({ id, name }).catch((thrown: unknown) => {
      // Another of our computers was first: the two meet.
      if (!(thrown instanceof SluiceError) || thrown.code !== 'project.exists') throw thrown;
    });
    const head = await cloud.projects.head({ projectId: id });
    const tree = commonParts(head.tree, project.tree());
    store.bind(
      { cloudUrl: cloudKey(deps.cloudUrl), workspaceId },
      { revision: head.revision, tree, localRevision: 0, syncedAt: '' },
    );
    return run(true);
  }

  return {
    state,
    workspaceId: () => bound()?.workspaceId,
    base: () => (bound() ? store.base() : undefined),
    sync: (pull = true) => inTurn(() => run(pull)),
    bind: (workspaceId) => inTurn(() => bind(workspaceId)),
    acknowledge: () => {
      if (store.note()?.kind === 'conflict') store.setNote(undefined);
    },
    noteRemote: (revision) => {
      heard = Math.max(heard, revision ?? 0);
      if (revision === undefined || revision > (store.base()?.revision ?? 0)) behind = true;
    },
  };
}

/** Whether asking again would be answered the same: not an outage, and not a sign-in that has ended. */
function isRefusal(thrown: unknown): boolean {
  if (!(thrown instanceof SluiceError)) return false;
  return thrown.retry === 'no' && thrown.status !== 401 && thrown.status < 500;
}

/** A tree from elsewhere is checked before it becomes files here. */
function checked(tree: Tree): Tree {
  parse(Tree, tree, 'The project in the cloud', 'project.invalid');
  return tree;
}

function need(base: Base | undefined): Base {
  if (!base) throw new Error('A bound project has a base.');
  return base;
}

function conflictReason(paths: string[][], tree: Tree): string {
  const named = [...new Set(paths.map((path) => nameOf(path, tree)))];
  const more = named.length > 3 ? ` and ${named.length - 3} more` : '';
  const where = '.sluice/conflicts/';
  return `The cloud had other values for ${named.slice(0, 3).join(', ')}${more}. Those are here now; yours are kept in ${where}.`;
}

/** `Triage / Score / config.batch` for a place in the tree. */
function nameOf([kind = '', id = '', section, part = '', ...rest]: string[], tree: Tree): string {
  if (kind !== 'workflows') return [kind, id].join('/');
  const workflow = tree.workflows[id];
  const name = workflow?.name ?? id;
  if (section !== 'steps') return [name, section, part].filter(Boolean).join(' / ');
  return [name, workflow?.steps[part]?.name ?? part, rest.join('.')].filter(Boolean).join(' / ');
}
