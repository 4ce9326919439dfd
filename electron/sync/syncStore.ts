import { z } from 'zod';
import { Hash, Uuid } from '#shared/ids.ts';
import { Json, type JsonObject, toPlain } from '#shared/json.ts';
import { ConflictChoice, ConflictRecord } from '#shared/merge/conflict.ts';
import { Commit } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { cloudKey } from '../account/cloudKey.ts';
import type { ProjectDb } from '../store/projectDb.ts';
import { inTransaction } from '../store/sqlite.ts';
import type { Refusal } from './refusal.ts';

const Binding = z.strictObject({ cloudUrl: z.string(), workspaceId: Uuid });
export type Binding = z.infer<typeof Binding>;

/** Reads a kept binding; one to another control plane than this is none for now. */
export function bindingOf(text: string, cloudUrl: string): Binding | undefined {
  const binding = Binding.parse(JSON.parse(text));
  return binding.cloudUrl === cloudKey(cloudUrl) ? binding : undefined;
}

/** As many computers as may have bound one folder, as on a shared disk. */
const MOST_TOKENS = 20;
const Tokens = z.array(z.string().max(100)).max(MOST_TOKENS);

/** Reads the tokens of a folder: by one of them a computer knows that it was itself who bound it. */
export function tokensOf(text: unknown): string[] {
  try {
    return Tokens.parse(JSON.parse(String(text)));
  } catch {
    return [];
  }
}

/** The tree both sides agreed on last. `localRevision`: what this computer did up to there is in it. */
export type Base = { revision: number; tree: Tree; localRevision: number; syncedAt: string };
const BaseMark = z.strictObject({ revision: z.int(), localRevision: z.int(), syncedAt: z.string(), hash: Hash });

/** A commit that was sent, or is about to be. The same one goes again until the server has answered it. */
const Outgoing = z.strictObject({
  commit: Commit,
  localRevision: z.int(),
  conflicts: z.array(ConflictRecord).default([]),
});
export type Outgoing = z.infer<typeof Outgoing>;

const KeptRefusal = z.strictObject({
  code: z.string(),
  reason: z.string(),
  next: z.string(),
  paths: z.array(z.array(z.string())),
  at: z.string(),
});

/** An answer to a conflict that the workspace has not been told yet. */
const KeptAnswer = z.strictObject({
  conflictId: Uuid,
  choice: ConflictChoice,
  value: Json.optional(),
  was: Hash.optional(),
});
export type KeptAnswer = z.infer<typeof KeptAnswer>;

/** What sync keeps of a project, in its own database below `.sluice/`. */
export type SyncStore = {
  /** What the folder says, whoever wrote it. */
  binding(): Binding | undefined;
  tokens(): string[];
  base(): Base | undefined;
  outgoing(): Outgoing | undefined;
  refusal(): Refusal | undefined;
  setRefusal(refusal: Refusal | undefined): void;
  answers(): KeptAnswer[];
  keepAnswer(answer: KeptAnswer): void;
  dropAnswer(conflictId: string): void;
  /** @param isOurs false: what was kept of an earlier binding is not this computer's, and goes */
  bind(binding: Binding, base: Base, token: string, isOurs: boolean): void;
  /** Durable before anything is sent. */
  setOutgoing(outgoing: Outgoing | undefined): void;
  /** A new common base; what was on its way is in it, or is made anew. */
  settle(base: Base): void;
  /** Local commits after a local revision that the server does not have. */
  countPending(localRevision: number): number;
  /** Where the local commits after a local revision come from, each once, and what the last of them says of itself. */
  origins(localRevision: number): { origins: string[]; message?: string };
};

export function openSyncStore(db: ProjectDb): SyncStore {
  const pending = db.db.prepare(`SELECT count(*) AS count FROM commits WHERE revision > ? AND origin != 'sync'`);
  const since = db.db.prepare(
    `SELECT origin, message FROM commits WHERE revision > ? AND origin != 'sync' ORDER BY revision`,
  );
  let cached: Base | undefined;

  const readMeta = <S extends z.ZodType>(key: string, schema: S): z.infer<S> | undefined => {
    const text = db.meta(key);
    if (text === undefined) return undefined;
    try {
      return schema.parse(toPlain(JSON.parse(text) as JsonObject));
    } catch {
      // A database from elsewhere, or a damaged one: it keeps nobody from opening the project, and is as if nothing was kept.
      return undefined;
    }
  };
  const writeBase = (base: Base) => {
    const { tree, ...mark } = base;
    if (cached?.tree !== tree) db.setMeta('sync.tree', JSON.stringify(tree));
    db.setMeta('sync.base', JSON.stringify({ ...mark, hash: merkleHash(tree) }));
    cached = base;
  };

  const answers = () => readMeta('sync.answers', z.array(KeptAnswer)) ?? [];
  const writeAnswers = (kept: KeptAnswer[]) =>
    db.setMeta('sync.answers', kept.length === 0 ? undefined : JSON.stringify(kept));

  return {
    binding: () => readMeta('sync.binding', Binding),
    base: () => {
      if (cached) return cached;
      const mark = readMeta('sync.base', BaseMark);
      const text = db.meta('sync.tree');
      if (!mark || text === undefined) return undefined;
      const { hash: _, ...rest } = mark;
      try {
        cached = { ...rest, tree: toPlain(JSON.parse(text) as JsonObject) as unknown as Tree };
      } catch {
        return undefined;
      }
      return cached;
    },
    outgoing: () => readMeta('sync.outgoing', Outgoing),
    refusal: () => readMeta('sync.refusal', KeptRefusal),
    setRefusal: (refusal) => {
      if (refusal || db.meta('sync.refusal') !== undefined)
        db.setMeta('sync.refusal', refusal && JSON.stringify(refusal));
    },
    answers,
    keepAnswer: (answer) => writeAnswers([...answers().filter((one) => one.conflictId !== answer.conflictId), answer]),
    dropAnswer: (conflictId) => writeAnswers(answers().filter((one) => one.conflictId !== conflictId)),
    tokens: () => tokensOf(db.meta('sync.tokens')),
    bind: (binding, base, token, isOurs) =>
      inTransaction(db.db, () => {
        db.setMeta('sync.binding', JSON.stringify(binding));
        const tokens = [...tokensOf(db.meta('sync.tokens')), token].slice(-MOST_TOKENS);
        db.setMeta('sync.tokens', JSON.stringify(tokens));
        if (!isOurs) for (const key of ['sync.answers', 'sync.refusal']) db.setMeta(key, undefined);
        db.setMeta('sync.outgoing', undefined);
        writeBase(base);
      }),
    setOutgoing: (outgoing) => db.setMeta('sync.outgoing', outgoing && JSON.stringify(outgoing)),
    settle: (base) =>
      inTransaction(db.db, () => {
        db.setMeta('sync.outgoing', undefined);
        writeBase(base);
      }),
    origins: (localRevision) => {
      const rows = since.all(localRevision);
      const message = rows.at(-1)?.message;
      const origins = [...new Set(rows.map((row) => String(row.origin)))];
      return { origins, ...(typeof message === 'string' ? { message } : {}) };
    },
    countPending: (localRevision) => Number(pending.get(localRevision)?.count),
  };
}
