import type { SyncState } from '#shared/contract/host/common.ts';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { SluiceError } from '#shared/error.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import { mergeTrees } from '#shared/merge/mergeTrees.ts';
import { applyOps, type Commit, commitOf, type Origin } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import { cloudKey } from '../account/cloudKey.ts';
import type { OpenProject } from '../host/projectHost.ts';
import { commonParts } from './commonParts.ts';
import { createConflictSync } from './conflictSync.ts';
import { fetchHead, lastAuthor, type Seen } from './fetchHead.ts';
import { leaveOut } from './leaveOut.ts';
import type { OwnBindings } from './ownBindings.ts';
import { isRefusal, pathsOf, refusalOf, staysRefused } from './refusal.ts';
import { syncStateOf } from './syncState.ts';
import { type Base, type Outgoing, openSyncStore } from './syncStore.ts';

export type ProjectSyncDeps = {
  project: OpenProject;
  /** The control plane, in the workspace that the project is bound to. */
  cloud(workspaceId: string): CloudClient;
  cloudUrl: string;
  own: OwnBindings;
  deviceId(): string;
  /** Who is signed in, by name. */
  person(): string | undefined;
  /** Whether there is a sign-in that can be used or renewed. */
  signedIn(): boolean;
  onState(state: SyncState): void;
  now(): number;
  uuid(): string;
};

/** A commit as the feed tells it. */
export type Told = { revision: number } & Partial<Seen & { hash: string }>;

/** One project and its copy in the cloud. Everything it must not forget is in the project's own database. */
export type ProjectSync = {
  state(): SyncState;
  workspaceId(): string | undefined;
  /** The last tree both sides agreed on. */
  base(): Base | undefined;
  /**
   * Sends what is here and fetches what is there until both are the same. What is sent is one commit of the difference,
   * however many edits led there; the project's own history keeps each of them.
   *
   * @param pull false: fetch only where the server asks for it
   * @throws SluiceError cloud.unreachable, session.expired, or what the control plane refused
   */
  sync(pull?: boolean): Promise<SyncState>;
  /** Makes the project in a workspace, or meets the one that is there, and syncs. */
  bind(workspaceId: string): Promise<SyncState>;
  /** Meets the project that is in a workspace, of which this is a copy. */
  join(workspaceId: string, head: { revision: number; tree: Tree }): Promise<SyncState>;
  /** What was refused is tried again with the next sync: a person asked for it, or what somebody may do has changed. */
  forgive(): void;
  /** The server said by itself that it takes nothing from here. */
  refuse(error: SluiceError): void;
  /** The server has, or may have, something newer. */
  noteRemote(told?: Told): void;
  /** The records of the workspace are others than those that are known here. */
  noteConflicts(): void;
};

const MAX_ROUNDS = 20;
/** As many as one push may carry. */
const MAX_RECORDS = 500;
const MOST_TOLD = 50;

export function createProjectSync(deps: ProjectSyncDeps): ProjectSync {
  const { project } = deps;
  const store = openSyncStore(project.db);
  const conflicts = createConflictSync(project, store);
  let queue: Promise<unknown> = Promise.resolve();
  /** Whether the server may have something we do not: so it is at the start. */
  let behind = true;
  /** What was refused is tried again with the next sync, not with the one that may be under way. */
  let forgiven = false;
  /** The newest revision the server spoke of. */
  let heard = 0;
  let told: (Seen & { hash: string })[] = [];

  const found = store.binding();
  /** Whether it was this computer that bound the folder. What a folder from elsewhere says of itself binds nobody. */
  let isOurs = found !== undefined && deps.own.holds({ ...found, ...whichFolder(project) }, store.tokens());

  /** A binding to another control plane than this program talks to is none for now; it is kept. */
  const bound = () => {
    const binding = isOurs ? store.binding() : undefined;
    return binding?.cloudUrl === cloudKey(deps.cloudUrl) ? binding : undefined;
  };
  const isoNow = () => new Date(deps.now()).toISOString();

  function state(): SyncState {
    const binding = bound();
    const base = store.base();
    const openConflicts = project.conflicts.countOpen();
    if (!binding || !base)
      return {
        ...{ state: 'local_only', pending: 0 },
        ...(openConflicts === 0 ? {} : { conflicts: openConflicts }),
        ...(isOurs || store.binding()?.cloudUrl !== cloudKey(deps.cloudUrl) ? {} : { reason: NOT_OURS }),
      };
    return syncStateOf({
      ...{ workspaceId: binding.workspaceId, base, heard, openConflicts },
      pending: store.countPending(base.localRevision),
      isSending: store.outgoing() !== undefined,
      signedIn: deps.signedIn(),
      refusal: store.refusal(),
      branch: project.deletion()?.branch,
    });
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
    // What a switch to another branch did is not sent, and not mixed with what others did, before a person has said so.
    if (!binding || !store.base() || project.deletion()?.branch) return tell();
    const cloud = deps.cloud(binding.workspaceId);
    if (forgiven) store.setRefusal(undefined);
    forgiven = false;
    if (pull) behind = true;
    let refused: SluiceError | undefined;
    try {
      await conflicts.sendAnswers(cloud);
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const left = store.outgoing();
        const waiting = left ?? (behind || refused ? undefined : prepare());
        if (waiting) {
          refused = await push(cloud, waiting, left !== undefined);
        } else if (behind) await advance(cloud, need(store.base()).tree);
        else {
          await conflicts.fetch(cloud);
          if (refused) throw refused;
          return tell();
        }
      }
      throw new SluiceError('rate.exceeded', 'The project changes faster than it can be sent.', {
        advice: 'It is tried again in a moment.',
      });
    } catch (thrown) {
      if (isRefusal(thrown))
        store.setRefusal({ ...refusalOf(thrown, isoNow()), paths: store.refusal()?.paths ?? pathsOf(thrown) });
      throw thrown;
    } finally {
      tell();
    }
  }

  /** What is here and not there, as one commit: edits that cancel each other out are never sent. */
  function prepare(): Outgoing | undefined {
    const base = need(store.base());
    const refusal = store.refusal();
    if (refusal && refusal.paths.length === 0 && staysRefused(refusal.code)) return undefined;
    const localRevision = project.revision();
    const tree = leaveOut(base.tree, project.tree(), refusal?.paths ?? []);
    // What was too much is no longer there.
    const isWhole = merkleHash(tree) === merkleHash(project.tree());
    const records = project.conflicts.unsent().slice(0, MAX_RECORDS);
    const same = tree === base.tree || merkleHash(tree) === merkleHash(base.tree);
    if (same && records.length === 0) {
      if (!isWhole) return undefined;
      if (base.localRevision !== localRevision) store.settle({ ...base, localRevision });
      store.setRefusal(undefined);
      return undefined;
    }
    const about = {
      commitId: deps.uuid(),
      deviceId: deps.deviceId(),
      baseRevision: base.revision,
      ...originOf(store.origins(base.localRevision)),
    } as const;
    const outgoing = {
      commit: commitOf(base.tree, tree, about),
      localRevision: isWhole ? localRevision : base.localRevision,
      conflicts: records.map((entry) => recordOf(entry, about.commitId)),
    };
    store.setOutgoing(outgoing);
    return outgoing;
  }

  /**
   * @param again it may have been taken before, so that the answer says nothing about what came after it
   * @returns why it was refused, where others' changes can be fetched all the same
   */
  async function push(cloud: CloudClient, outgoing: Outgoing, again: boolean): Promise<SluiceError | undefined> {
    const { commit, localRevision } = outgoing;
    const base = need(store.base());
    try {
      const answer = await cloud.projects.push({ projectId: project.id, commit, conflicts: outgoing.conflicts });
      conflicts.sent(outgoing.conflicts);
      // Refusals of one place stay until that is taken as well.
      if (localRevision > base.localRevision) store.setRefusal(undefined);
      const ours = applyOps(base.tree, commit.ops);
      if (answer.revision === base.revision + 1 && answer.hash === merkleHash(ours)) {
        store.settle({ revision: answer.revision, tree: ours, localRevision, syncedAt: isoNow() });
        behind = again || heard > answer.revision;
      } else await advance(cloud, ours, localRevision);
      return undefined;
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code === 'project.rebase_required') {
        store.setOutgoing(undefined);
        behind = true;
        await advance(cloud, base.tree, base.localRevision);
        return undefined;
      }
      if (!isRefusal(thrown)) throw thrown;
      // Refused as it is: what is sent next is made anew from what the project is then.
      store.setOutgoing(undefined);
      const before = store.refusal()?.paths ?? [];
      const refusal = refusalOf(thrown, isoNow());
      const all = [...before, ...refusal.paths.filter((path) => !before.some((one) => sameKeys(one, path)))];
      store.setRefusal({ ...refusal, paths: all.length > before.length ? all : before });
      // Where it names what is too much, everything else goes with the next push.
      return all.length > before.length ? undefined : thrown;
    }
  }

  /**
   * Takes in what the server has.
   *
   * @param ancestor what both sides come from: the base, with what of ours the server has taken
   */
  async function advance(cloud: CloudClient, ancestor: Tree, sent = need(store.base()).localRevision): Promise<void> {
    const base = need(store.base());
    told = told.filter(({ revision }) => revision > base.revision);
    const head = await fetchHead(cloud, project.id, base, told);
    // Nothing below waits: the project may be edited whenever somebody else has the turn.
    const merged = mergeTrees({ base: ancestor, theirs: head.tree, ours: project.tree() });
    const ours = deps.person();
    project.takeMerged(merged, 'sync', (path) => {
      const theirs = lastAuthor(head.since, path);
      return { ...(theirs === undefined ? {} : { theirs }), ...(ours === undefined ? {} : { ours }) };
    });
    store.settle({ revision: head.revision, tree: head.tree, localRevision: sent, syncedAt: isoNow() });
    behind = heard > head.revision;
  }

  async function bind(workspaceId: string): Promise<SyncState> {
    const binding = isOurs ? store.binding() : undefined;
    const isWhole = store.base() !== undefined;
    if (isWhole && bound()?.workspaceId === workspaceId) return run(true);
    if (isWhole && binding) {
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
    return meet(workspaceId, await cloud.projects.head({ projectId: id }));
  }

  /** What both have and only one has is told apart without a common past: nothing counts as deleted. */
  async function meet(workspaceId: string, head: { revision: number; tree: Tree }): Promise<SyncState> {
    const tree = commonParts(head.tree, project.tree());
    const binding = { cloudUrl: cloudKey(deps.cloudUrl), workspaceId };
    const token = deps.own.add({ ...binding, ...whichFolder(project) });
    store.bind(binding, { revision: head.revision, tree, localRevision: 0, syncedAt: '' }, token, isOurs);
    isOurs = true;
    return run(true);
  }

  return {
    state,
    workspaceId: () => bound()?.workspaceId,
    base: () => (bound() ? store.base() : undefined),
    sync: (pull = true) => inTurn(() => run(pull)),
    bind: (workspaceId) => inTurn(() => bind(workspaceId)),
    join: (workspaceId, head) => inTurn(() => meet(workspaceId, head)),
    forgive: () => {
      forgiven = true;
    },
    refuse: (error) => {
      store.setRefusal(refusalOf(error, isoNow()));
      tell();
    },
    noteConflicts: conflicts.note,
    noteRemote: (one) => {
      heard = Math.max(heard, one?.revision ?? 0);
      const known = store.base()?.revision ?? 0;
      if (one?.commit && one.hash !== undefined && one.revision > known) {
        const { revision, commit, hash, authorName } = one;
        told = [...told, { revision, commit, hash, ...(authorName === undefined ? {} : { authorName }) }].slice(
          -MOST_TOLD,
        );
      }
      if (one === undefined || one.revision > known) behind = true;
    },
  };
}

/** What of an entry is the record itself. It now belongs to the commit that carries it. */
function recordOf(entry: ConflictEntry, commitId: string): ConflictRecord {
  const {
    where: _w,
    status: _s,
    createdAt: _c,
    createdBy: _b,
    resolvedAt: _a,
    resolvedBy: _r,
    resolution: _n,
    ...record
  } = entry;
  return { ...record, commitId };
}

const NOT_OURS =
  'This folder says that it belongs to a workspace, but it was not this computer that put it there: it comes from elsewhere, or is a copy of a folder that is still here. Nothing of it is sent.';

const whichFolder = ({ id, dir }: OpenProject) => ({ projectId: id, dir });

function need(base: Base | undefined): Base {
  if (!base) throw new Error('A bound project has a base.');
  return base;
}

const sameKeys = (a: readonly string[], b: readonly string[]) => JSON.stringify(a) === JSON.stringify(b);

const ORIGINS: Record<string, Origin> = { file: 'file', git: 'git', restore: 'restore' };

/** What a commit says about where it comes from: what all edits in it say, else the canvas. */
function originOf({
  origins,
  message,
}: {
  origins: string[];
  message?: string;
}): Pick<Commit, 'origin'> & { message?: string } {
  const [only] = origins;
  const origin = (origins.length === 1 && ORIGINS[only ?? '']) || 'canvas';
  return { origin, ...(message === undefined ? {} : { message }) };
}
