import { merkleHash } from '../../workflow/hash.ts';
import type { Tree } from '../../workflow/tree.ts';
import { ConflictRecord } from '../conflict.ts';
import { rebaseCommit } from '../rebaseCommit.ts';
import { tornParts } from '../structure.ts';
import { undo } from '../undo.ts';
import { brokenReferences } from './brokenReferences.fixture.ts';
import { inventedLeaves, lostChanges } from './lostChanges.fixture.ts';
import { createModelClient, type Meeting, type ModelClient } from './modelClient.fixture.ts';
import { createModelServer } from './modelServer.fixture.ts';
import { projectOf } from './project.fixture.ts';
import { type Random, randomOf } from './random.fixture.ts';
import { randomEdit } from './randomEdit.fixture.ts';
import { tornSteps } from './tornSteps.fixture.ts';
import { unnoticedCircles } from './unnoticedCircles.fixture.ts';

export type FuzzOptions = {
  rounds: number;
  /** Steps of the main workflow. */
  size: number;
  seed: number;
  /** Another one than the real one shows that the checks can fail. */
  rebase?: typeof rebaseCommit;
  /** Ends with the first round that finds something. */
  stopsAtFault?: boolean;
};

export type Fuzzed = {
  rounds: number;
  /** Two sides that met: a commit that the server took, as it was or rebased, and a merge on a device. */
  commits: number;
  rebasedByServer: number;
  merges: number;
  /** Leaves that one of the two sides had changed where they met. */
  intents: number;
  /** Intents that are not in the tree, and in a record. */
  recorded: number;
  records: Record<string, number>;
  /** What must never be; each begins with its round's seed. */
  faults: string[];
};

const CLIENTS = ['Ada', 'Bo', 'Cy'];
const EDITS = 20;

/** So many rounds of three people who edit one project apart and then meet. */
export function fuzzMerge({ rounds, size, seed, rebase = rebaseCommit, stopsAtFault = false }: FuzzOptions): Fuzzed {
  const first = projectOf(size);
  const fuzzed: Fuzzed = {
    rounds: 0,
    commits: 0,
    rebasedByServer: 0,
    merges: 0,
    intents: 0,
    recorded: 0,
    records: {},
    faults: [],
  };
  for (let round = 0; round < rounds; round++) {
    fuzzed.rounds++;
    const faults: string[] = [];
    try {
      playRound(first, randomOf(seed + round), rebase, fuzzed, faults);
    } catch (thrown) {
      faults.push(`thrown: ${String((thrown as Error).stack ?? thrown)}`);
    }
    fuzzed.faults.push(...faults.map((fault) => `seed ${seed + round}: ${fault}`));
    if (stopsAtFault && faults.length > 0) break;
  }
  return fuzzed;
}

/** One line for whoever reads the test's output. */
export function toldFuzz(fuzzed: Fuzzed, size: number, seed: number): string {
  const { rounds, commits, rebasedByServer, merges, intents, recorded, records, faults } = fuzzed;
  const kinds = Object.entries(records).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    `merge fuzz: N = ${rounds} rounds of ${CLIENTS.length} clients × ${EDITS} edits on ${size} steps, seeds from ${seed}: ` +
    `${commits} commits (${rebasedByServer} rebased by the server), ${merges} merges, ${intents} changed leaves, ` +
    `${recorded} of them in records only (${kinds.map(([kind, n]) => `${kind} ${n}`).join(', ')}); ${faults.length} faults`
  );
}

function playRound(first: Tree, random: Random, rebase: typeof rebaseCommit, fuzzed: Fuzzed, faults: string[]): void {
  let made = 0;
  let commits = 0;
  const unique = () => ++made;
  const uuid = () => `0199f2c5-0000-7000-8000-${(++commits).toString(16).padStart(12, '0')}`;
  const server = createModelServer(first);
  const people = CLIENTS.map((name) => ({
    client: createModelClient({ name, server, rebase, uuid }),
    left: EDITS,
    done: [] as { before: Tree; after: Tree }[],
  }));

  /** The next edit, or one of an earlier one taken back, whatever came from others since. */
  function editOf({ done }: (typeof people)[number], tree: Tree): Tree {
    if (done.length > 0 && random.chance(0.05)) return undo(random.pick(done), tree).tree;
    const after = randomEdit(tree, random, unique);
    done.push({ before: tree, after });
    return after;
  }

  function send(person: (typeof people)[number]): void {
    const met = person.client.step({ answerIsLost: random.chance(0.08), fetchesFirst: random.chance(0.1) });
    if (!met) return;
    if (met.where === 'device') fuzzed.merges++;
    else fuzzed.commits++;
    if (met.where === 'server' && met.rebased) fuzzed.rebasedByServer++;
    judge(met, fuzzed, faults);
  }

  // In every other round each does all of its edits before anybody hears of them.
  const isApart = random.chance(0.5);
  for (let open = people; open.length > 0; open = people.filter(({ left }) => left > 0)) {
    const person = random.pick(open);
    if (!person.client.isWaiting()) {
      const many = isApart ? person.left : Math.min(person.left, 1 + random.below(8));
      for (let i = 0; i < many; i++) person.client.edit((tree) => editOf(person, tree));
      person.left -= many;
    }
    if (!isApart) send(person);
  }
  for (let open = people, i = 0; open.length > 0; i++) {
    if (i === 1_000) throw new Error('Somebody never gets through.');
    const person = random.pick(open);
    send(person);
    open = people.filter(({ client }) => client.isAhead());
  }
  for (const { client } of people) client.pull();
  judgeEnd(
    server,
    people.map(({ client }) => client),
    fuzzed,
    faults,
  );
}

function judge(met: Meeting, fuzzed: Fuzzed, faults: string[]): void {
  const { intents, recorded, lost } = lostChanges(met);
  fuzzed.intents += intents;
  fuzzed.recorded += recorded;
  faults.push(
    ...lost.map((one) => `lost without a record: ${one}`),
    ...inventedLeaves(met).map((one) => `nobody put it there: ${one}`),
    ...tornParts(met.merged).map((path) => `points at a step that is gone: ${path.join('/')}`),
    ...brokenReferences(met).map((one) => `names a step that is gone: ${one}`),
    ...unnoticedCircles(met).map((one) => `a circle that nobody was told of: ${one}`),
    ...tornSteps(met).map((one) => `half of one and half of the other: ${one}`),
  );
}

function judgeEnd(
  server: ReturnType<typeof createModelServer>,
  clients: ModelClient[],
  fuzzed: Fuzzed,
  faults: string[],
): void {
  const hash = merkleHash(server.head().tree);
  for (const client of clients) {
    if (merkleHash(client.tree()) !== hash) faults.push(`${client.name} has another tree than the server`);
  }
  for (const record of server.records()) {
    fuzzed.records[record.kind] = (fuzzed.records[record.kind] ?? 0) + 1;
    const read = ConflictRecord.safeParse(record);
    if (!read.success) faults.push(`a record that cannot be sent: ${read.error.message}`);
  }
}
