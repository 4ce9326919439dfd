import { createHash } from 'node:crypto';
import { createIdentities } from '../../cloud/accounts/identities.ts';
import { readHead } from '../../cloud/projects/head.ts';
import { createTreeCache } from '../../cloud/projects/treeCache.ts';
import type { Actor } from '../../cloud/server/actor.ts';
import { meter } from '../../cloud/server/meter.ts';
import { createRateLimits } from '../../cloud/server/rateLimits.ts';
import { createControlBench } from '../fixtures/control.ts';
import type { Dice } from '../fuzz/dice.ts';
import { openBells, openFeed } from './crossingChannels.ts';
import { MARKS, makeTenants, ROLES, type Tenant } from './crossingTenants.ts';

const CONNECTION = '0199f2c4-5d1e-7a3b-9c40-0000000000c1';
/** Names that a careless way of joining them would mix up. */
const NAMES = ['a', 'a/b', 'b', 'a%2Fb', 'a:b', '', '..', 'x'.repeat(60)];

type Crossings = {
  /** One operation. @returns what was another's, if something was */
  operate(dice: Dice): Promise<string | undefined>;
  /** Waits until everything that was sent has arrived, and looks at what each heard. @returns what was another's */
  settle(): Promise<string[]>;
  /** How often each kind found what is its own. */
  done: Record<string, number>;
  close(): Promise<void>;
};

/**
 * Workspaces that could hardly be more alike, on real parts: trees, versions, secrets, blobs, memberships, counts of keys,
 * the queue, and desktops on the feed.
 *
 * @param options `careless`: the cache of trees forgets the workspace, which has to be found
 */
async function createCrossings({ careless = false } = {}): Promise<Crossings> {
  const control = await createControlBench();
  const { tenants, projectId, versionId, runId, personId } = await makeTenants(control);
  const { db, vault, versionTrees, blobs } = control;
  const cache = createTreeCache();
  const forget = <P extends { workspaceId: string }>(place: P): P => ({ ...place, workspaceId: 'somewhere' });
  const trees: typeof cache = careless
    ? { get: (p, m) => cache.get(forget(p), m), set: (p, ...r) => cache.set(forget(p), ...r), latest: () => undefined }
    : cache;
  const identities = createIdentities({ db, clock: control.clock });
  const limits = createRateLimits();
  const sealed = await Promise.all(
    tenants.map(({ workspaceId, mark }) => vault.seal(workspaceId, CONNECTION, { token: `token of ${mark}` })),
  );
  /** Blobs of each that are being stored, and those that are. */
  const kept = tenants.map(() => ({ begun: new Set<string>(), stored: new Set<string>() }));
  const bells = await openBells(control);
  const feed = await openFeed(control, tenants, projectId);
  const strange = (said: unknown, { mark }: Tenant) => {
    const text = JSON.stringify(said);
    const others = MARKS.filter((word) => word !== mark && text.includes(word));
    if (!text.includes(mark)) return `${mark} did not get its own`;
    return others.length > 0 ? `${mark} got what is ${others.join(' and ')}’s` : undefined;
  };
  let turn = 0;

  const operations: Record<string, (one: Tenant, dice: Dice) => Promise<string | undefined>> = {
    async tree(one) {
      const place = { workspaceId: one.workspaceId, projectId };
      const { tree } = await db.withWorkspaceSql(one, (sql) => readHead(sql, place, trees));
      return strange(tree, one);
    },
    async version(one) {
      return strange(await db.withWorkspaceSql(one, (sql) => versionTrees.read(sql, one.workspaceId, versionId)), one);
    },
    async secret(one) {
      const value = sealed[one.index];
      if (!value) return 'there is no secret';
      const { keyVersion } = value;
      const about = { id: CONNECTION, name: 'same', connector: 'http', hosts: [], keyVersion };
      const ciphertext = Buffer.from(value.ciphertext);
      return strange((await vault.open(one.workspaceId, { ...about, ciphertext })).reveal(), one);
    },
    async blob({ index, workspaceId, mark }, dice) {
      const bytes = Buffer.from(`content ${dice.pick(50)}`);
      const hash = createHash('sha256').update(bytes).digest('hex');
      const own = kept[index];
      if (!own) return 'there is no such workspace';
      if (dice.chance(0.3)) {
        own.begun.add(hash);
        await blobs.put(workspaceId, bytes, hash);
        own.stored.add(hash);
        return undefined;
      }
      const wasStored = own.stored.has(hash);
      const found = await blobs.get(workspaceId, hash).then(
        (read) => read.equals(bytes),
        () => false,
      );
      if (found && !own.begun.has(hash)) return `${mark} reads a blob that it has not`;
      return !found && wasStored ? `${mark} lost a blob` : undefined;
    },
    async member({ index, mark, workspaceId }) {
      const found = await identities.membershipOf(personId, workspaceId);
      return found?.role === ROLES[index] ? undefined : `${mark} takes the person for ${found?.role}`;
    },
    async count({ mark }) {
      // A key of the same id in each workspace, which may ask three times: each asks three times in the same moment.
      const apiKey = { id: `key ${turn++}`, name: 'Key', perSecond: 3 };
      const ask = (id: string) => {
        const asker = { ...control.actorOf(id, personId), apiKey } satisfies Actor;
        return meter(limits, 'read', asker, { setHeader: () => undefined, locals: {} } as never).then(
          () => true,
          () => false,
        );
      };
      const all = await Promise.all(tenants.flatMap((one) => [1, 2, 3].map(() => ask(one.workspaceId))));
      return all.includes(false) ? `the key of ${mark} was counted for another` : undefined;
    },
    async bell(one, dice) {
      await bells.ring(one, dice.chance(0.5) ? runId : dice.oneOf(NAMES));
      return undefined;
    },
    async news(one, dice) {
      feed.publish(one, dice.pick(4), { runId, turn: turn++ });
      return undefined;
    },
  };
  const kinds = Object.keys(operations);
  const done: Record<string, number> = Object.fromEntries(kinds.map((kind) => [kind, 0]));

  return {
    done,
    async operate(dice) {
      const kind = dice.oneOf(kinds);
      const wrong = await operations[kind]?.(dice.oneOf(tenants), dice);
      if (wrong === undefined) done[kind] = (done[kind] ?? 0) + 1;
      return wrong && `${kind}: ${wrong}`;
    },
    settle: async () => [...(await bells.settle()), ...(await feed.settle(runId))],
    async close() {
      await Promise.all([bells.close(), feed.close()]);
      await control.close();
    },
  };
}

const AT_ONCE = 8;

/** So many operations, several at once, on parts of their own. @returns how often each kind found its own, and what was another's */
export async function crossingRounds(dice: Dice, count: number, options: { careless?: boolean } = {}) {
  const crossings = await createCrossings(options);
  const crossed: string[] = [];
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const wrong = await crossings.operate(dice);
      if (wrong !== undefined) crossed.push(wrong);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    crossed.push(...(await crossings.settle()));
    return { done: crossings.done, crossed };
  } finally {
    await crossings.close();
  }
}
