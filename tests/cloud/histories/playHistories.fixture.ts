import { v7 as newId } from 'uuid';
import type { Json } from '#shared/json.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import { lostChanges } from '#shared/merge/fuzz/lostChanges.fixture.ts';
import { projectOf } from '#shared/merge/fuzz/project.fixture.ts';
import { type Random, randomOf } from '#shared/merge/fuzz/random.fixture.ts';
import { randomEdit } from '#shared/merge/fuzz/randomEdit.fixture.ts';
import { applyOps, commitOf } from '#shared/merge/ops.ts';
import { sameJson } from '#shared/merge/sameJson.ts';
import { tornParts } from '#shared/merge/structure.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Database, Sql } from '../../../cloud/platform/database.ts';
import { createConflictService } from '../../../cloud/projects/conflictService.ts';
import { createHistoryService } from '../../../cloud/projects/historyService.ts';
import { createProjectService, type ProjectDeps } from '../../../cloud/projects/projectService.ts';
import { createTreeCache } from '../../../cloud/projects/treeCache.ts';
import type { Actor } from '../../../cloud/server/actor.ts';
import type { Control } from '../../fixtures/control.ts';
import { Cut, createSyncClient, type Luck, type Sync, type SyncClient } from './syncClient.fixture.ts';

export type Played = {
  histories: number;
  revisions: number;
  acknowledged: number;
  rebasedByServer: number;
  merges: number;
  lostAnswers: number;
  rolledBack: number;
  records: number;
  decided: number;
  /** What must never be; each begins with its history's seed. */
  faults: string[];
};

export type HistoryOptions = {
  histories: number;
  seed: number;
  /** Another one than the real one shows that the checks can fail. */
  spoil?: (sync: Sync) => Sync;
};

const CLIENTS = ['Ada', 'Bo', 'Cy'];
const EDITS = 6;
const STEPS = 12;
const PER_WORKSPACE = 100;

/**
 * So many projects, each edited by three people apart, over a network that loses requests and answers, through two processes of
 * the control plane of which one is replaced now and then and transactions fail at their end.
 */
export async function playHistories(control: Control, { histories, seed, spoil }: HistoryOptions): Promise<Played> {
  const played: Played = {
    histories: 0,
    revisions: 0,
    acknowledged: 0,
    rebasedByServer: 0,
    merges: 0,
    lostAnswers: 0,
    rolledBack: 0,
    records: 0,
    decided: 0,
    faults: [],
  };
  let actor: Actor | undefined;
  for (let i = 0; i < histories; i++) {
    if (!actor || i % PER_WORKSPACE === 0) actor = (await control.newTenant('business')).actor;
    const faults: string[] = [];
    try {
      await playHistory(control, actor, randomOf(seed + i), played, faults, spoil);
    } catch (thrown) {
      faults.push(`thrown: ${String((thrown as Error).stack ?? thrown)}`);
    }
    played.histories++;
    played.faults.push(...faults.map((fault) => `seed ${seed + i}: ${fault}`));
  }
  return played;
}

export function toldHistories(played: Played, seed: number): string {
  const { histories, revisions, acknowledged, rebasedByServer, merges, lostAnswers, rolledBack, records, decided } =
    played;
  return (
    `sync histories: N = ${histories} (${CLIENTS.length} clients × ${EDITS} edits, seeds from ${seed}): ${revisions} revisions, ` +
    `${acknowledged} acknowledged (${rebasedByServer} rebased by the server), ${merges} merges on devices, ` +
    `${lostAnswers} answers lost, ${rolledBack} rolled back, ${records} conflicts kept, ${decided} decided; ` +
    `${played.faults.length} faults`
  );
}

/** A process of the control plane: its own memory, the one database. `failing`: its next transaction ends in nothing. */
function startProcess(control: Control) {
  const mood = { failsNext: false };
  const database: Database = {
    ...control.db,
    withWorkspaceSql: (scope, fn) =>
      control.db.withWorkspaceSql(scope, async (sql: Sql) => {
        const fails = mood.failsNext;
        mood.failsNext = false;
        const answer = await fn(sql);
        if (!fails) return answer;
        throw new Cut('The connection broke before the commit.');
      }),
  };
  const deps: ProjectDeps = { database, signals: control.signals, trees: createTreeCache({ capacity: 8 }) };
  return {
    mood,
    sync: createProjectService(deps),
    conflicts: createConflictService(deps),
    history: createHistoryService(deps),
  };
}
type Process = ReturnType<typeof startProcess>;

async function playHistory(
  control: Control,
  actor: Actor,
  random: Random,
  played: Played,
  faults: string[],
  spoil: HistoryOptions['spoil'] = (sync) => sync,
): Promise<void> {
  const projectId = newId();
  let made = 0;
  const unique = () => ++made;
  const processes: [Process, Process] = [startProcess(control), startProcess(control)];
  const whole = { ...projectOf(STEPS), project: { id: projectId, name: 'Base', format: 1 as const } };
  await processes[0].sync.create({ id: projectId, name: 'Base' }, actor);
  const empty = await processes[0].sync.head({ projectId }, actor);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: 0, origin: 'import' as const };
  await processes[0].sync.push({ projectId, commit: commitOf(empty.tree as Tree, whole, about), conflicts: [] }, actor);
  const first = { revision: 1, tree: whole };
  const people = CLIENTS.map((name) => ({
    client: createSyncClient({ name, actor: { ...actor, name }, projectId, first, uuid: newId }),
    left: EDITS,
  }));

  async function send(client: SyncClient): Promise<void> {
    const luck = random.pick<Luck>(['well', 'well', 'well', 'neverArrives', 'rolledBack', 'answerIsLost']);
    const which = random.below(2) as 0 | 1;
    if (random.chance(0.1)) processes[which] = startProcess(control);
    const process = processes[which];
    process.mood.failsNext = luck === 'rolledBack' && client.isAhead();
    if (process.mood.failsNext) played.rolledBack++;
    if (luck === 'answerIsLost' && client.isAhead()) played.lostAnswers++;
    await client.send(spoil(process.sync), luck);
    process.mood.failsNext = false;
  }

  async function decideOne(): Promise<void> {
    const { conflicts } = processes[random.below(2)] as Process;
    const { data } = await conflicts.list({ projectId, status: 'open', limit: 20 }, actor);
    if (data.length === 0) return;
    const { id: conflictId } = random.pick(data);
    const choice = random.pick(['theirs', 'ours'] as const);
    const done = await Promise.resolve(conflicts.resolve({ projectId, conflictId, choice }, actor)).catch((thrown) => {
      if (thrown.code === 'conflict.place_changed') return undefined;
      throw thrown;
    });
    if (done) played.decided++;
  }

  for (let open = people; open.length > 0; open = people.filter(({ left }) => left > 0)) {
    for (const person of open) {
      if (person.client.isWaiting() || random.chance(0.3)) continue;
      const many = Math.min(person.left, 1 + random.below(3));
      for (let i = 0; i < many; i++) person.client.edit((tree) => randomEdit(tree, random, unique));
      person.left -= many;
    }
    // At once, so that they wait for one another's locks; a failing process is shared by nobody else meanwhile.
    if (random.chance(0.5))
      await Promise.all(
        people.map(({ client }) => client.send(spoil(processes[random.below(2) as 0 | 1].sync), 'well')),
      );
    else await send(random.pick(people).client);
    if (random.chance(0.35)) await decideOne();
  }
  for (let tries = 0; people.some(({ client }) => client.isAhead()); tries++) {
    if (tries === 500) throw new Error('Somebody never gets through.');
    await send(random.pick(people).client);
  }
  // Nobody's memory: what is there is read from the database.
  const fresh = startProcess(control);
  for (const { client } of people) await client.pull(fresh.sync);
  await judge(
    fresh,
    { projectId, actor, random },
    people.map(({ client }) => client),
    played,
    faults,
  );
}

async function judge(
  { sync, conflicts, history }: Process,
  { projectId, actor, random }: { projectId: string; actor: Actor; random: Random },
  clients: SyncClient[],
  played: Played,
  faults: string[],
): Promise<void> {
  const { commits, hash, revision } = await sync.commits({ projectId, since: 0 }, actor);
  const start = await history.at({ projectId, revision: 0 }, actor);
  const trees = [start.tree as Tree];
  for (const { commit } of commits) trees.push(applyOps(trees.at(-1) as Tree, commit.ops as never));
  const at = (wanted: number) => trees[wanted] as Tree;
  played.revisions += revision;

  const head = await sync.head({ projectId }, actor);
  if (merkleHash(at(revision)) !== hash || head.hash !== hash || merkleHash(head.tree) !== hash)
    faults.push('the head is not what its commits lead to');
  for (const client of clients) {
    if (merkleHash(client.tree()) !== hash) faults.push(`${client.name} has another tree than the server`);
  }
  faults.push(...tornParts(at(revision)).map((path) => `points at a step that is gone: ${path.join('/')}`));
  const past = random.below(revision + 1);
  if (merkleHash((await history.at({ projectId, revision: past }, actor)).tree) !== merkleHash(at(past)))
    faults.push(`revision ${past} does not come back as it was`);

  const taken = new Map(commits.map(({ commit, revision: made }) => [commit.commitId, made]));
  if (taken.size !== commits.length) faults.push('a commit is there twice');
  const kept = await allConflicts(conflicts, projectId, actor);
  played.records += kept.size;
  for (const client of clients) {
    for (const { commit, records, base, ours, answer } of client.acknowledged) {
      played.acknowledged++;
      if (answer.rebased) played.rebasedByServer++;
      const made = taken.get(commit.commitId);
      if (made !== answer.revision || merkleHash(at(answer.revision)) !== answer.hash) {
        faults.push(`${client.name} was told of revision ${answer.revision}, which holds something else`);
        continue;
      }
      const met = { base, theirs: at(made - 1), ours, merged: at(made), records: [] };
      faults.push(...lost(met));
      for (const record of records)
        if (![...kept.values()].some((entry) => isKept(entry, record)))
          faults.push(`a record is gone: ${record.path.join('/')}`);
    }
    for (const met of client.merges) {
      played.merges++;
      faults.push(...lost(met));
    }
  }
}

function lost(met: { base: Tree; theirs: Tree; ours: Tree; merged: Tree; records: ConflictRecord[] }): string[] {
  const told = lostChanges({ where: 'device', rebased: true, ...met });
  return told.lost.map((one) => `lost without a record: ${one}`);
}

async function allConflicts(conflicts: Process['conflicts'], projectId: string, actor: Actor) {
  const kept = new Map<string, ConflictRecord>();
  let cursor: string | undefined;
  do {
    const page = await conflicts.list({ projectId, status: 'all', limit: 100, cursor }, actor);
    for (const entry of page.data) kept.set(entry.id, entry as ConflictRecord);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return kept;
}

function isKept(entry: ConflictRecord, record: ConflictRecord): boolean {
  const answers = ({ commitId, path, kind, base, theirs, ours, chosen }: ConflictRecord) =>
    ({ commitId, path, kind, base, theirs, ours, chosen }) as unknown as Json;
  return sameJson(answers(entry), answers(record));
}
