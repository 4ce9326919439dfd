import type { SentFile } from '#runtime/connectors/trigger/multipart.ts';
import type { Answer } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import type { Item, Workflow } from '#shared/workflow/tree.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Sql } from '../platform/database.ts';
import { acceptRun } from '../runs/acceptRun.ts';
import { recordBlob } from '../runs/blobStore.ts';
import type { Ringer } from '../runs/dispatch.ts';
import { answerOfEnd } from '../runs/endRun.ts';
import { answerHook } from '../runs/hookAnswerStore.ts';
import type { Allowances } from '../runs/ports.ts';
import { type Signal, type Signals, waitForSignal } from '../runs/signals.ts';
import { findAnswer, findDelivery, findRunAnswer, type HookTarget, insertDelivery, moveDelivery } from './hookStore.ts';
import { noHook } from './hookTargets.ts';

export type InboxDeps = {
  database: Database;
  allowances: Allowances;
  blobs: Blobs;
  ring: Ringer;
  signals: Signals;
  clock: Clock;
  /** How long a caller is held until a step answers. Default 25 s. */
  answerMs?: number;
};

/** What is to be run, and where a run of it belongs. */
export type InboxTarget = Omit<HookTarget, 'bindings'> & {
  workspaceId: string;
  workflowId: string;
  workflow: Workflow;
  /** Of its runs in the queue: 1 is served first. */
  priority: number;
};

export type InboxEntry = {
  runId: string;
  deliveryId: string;
  bodyHash: string;
  trigger: 'webhook' | 'route' | 'form';
  item: Item;
  blobs: { sha256: string; bytes: number }[];
  /** What the caller gets whatever the run does. Undefined: what the run answers. */
  answer: Answer | undefined;
};

export type Accepted = {
  runId: string;
  repeated: boolean;
  answer: Answer | undefined;
  displaced?: string[];
  /** Begun before anybody could answer: what its run is answered with, if it is told of in time. */
  heard?: Heard;
};

type Heard = { came: Promise<boolean>; answer(): Answer | undefined; stop(): void };

export type Inbox = ReturnType<typeof createInbox>;

/** A lost signal costs at most this. */
const LOOK_MS = 2_000;

/** Takes in what came from outside, together with the run that it starts, and holds its sender until that has answered. */
export function createInbox({ database, allowances, blobs, ring, signals, clock, answerMs = 25_000 }: InboxDeps) {
  /** Undefined: the deployment is no longer the active one. */
  async function store(sql: Sql, target: InboxTarget, entry: InboxEntry): Promise<Accepted | undefined> {
    const { workspaceId, hookId, workflowId, workflow, deploymentId } = target;
    const { deliveryId, trigger, item, answer } = entry;
    const delivery = { workspaceId, hookId, deliveryId };
    if (!(await insertDelivery(sql, delivery, { ...entry, deploymentId }))) {
      const first = await findDelivery(sql, delivery);
      return first && { ...first, repeated: true };
    }
    for (const { sha256, bytes } of entry.blobs) await recordBlob(sql, workspaceId, sha256, bytes);
    const accepted = await acceptRun(
      sql,
      {
        id: entry.runId,
        workspaceId,
        projectId: target.projectId,
        workflowId,
        workflowName: workflow.name,
        versionId: target.versionId,
        deploymentId,
        environment: target.environment,
        trigger,
        triggerStepId: target.stepId,
        triggeredBy: hookId,
        items: [item],
        priority: target.priority,
      },
      allowances,
      workflow,
    );
    if (!accepted.repeated) return { ...accepted, answer };
    // The run that stands for this delivery also answers it, now and whenever it comes again.
    const { runId } = accepted;
    const given: Answer | undefined = answer ? { ...answer, body: { runId } } : await knownAnswer(sql, target, runId);
    await moveDelivery(sql, delivery, { runId, answer: given });
    return { runId, repeated: true, answer: given };
  }

  /** Listens for the answer of a run. */
  function listen(workspaceId: string, runId: string, ms: number): Heard {
    let answer: Answer | undefined;
    const fits = (one: Signal) => {
      if (!isAnswerOf(one, workspaceId, runId)) return false;
      answer = one.answer;
      return true;
    };
    const signal = waitForSignal(signals, fits, Math.min(ms, LOOK_MS));
    return { came: signal.came, answer: () => answer, stop: signal.stop };
  }

  return {
    /** Files that were sent, by reference, and what is to be recorded of them. */
    async keep(
      workspaceId: string,
      files: readonly (Omit<SentFile, 'fileName'> & { fileName: string | undefined })[],
    ): Promise<Pick<InboxEntry, 'blobs'> & Pick<Item, 'binary'>> {
      const kept = await Promise.all(
        files.map(async ({ name, bytes, mime, fileName }) => {
          const blob = await blobs.put(workspaceId, bytes);
          return {
            name,
            file: { blob, bytes: bytes.length, mime, ...(fileName === undefined ? {} : { name: fileName }) },
          };
        }),
      );
      const binary = Object.fromEntries(kept.map(({ name, file }) => [name, file]));
      const recorded = kept.map(({ file }) => ({ sha256: file.blob, bytes: file.bytes }));
      return kept.length === 0 ? { blobs: [] } : { blobs: recorded, binary };
    },

    /**
     * Puts an entry into the inbox together with its run; after this it is not lost.
     *
     * @param now where it leads if it was published anew since it was looked up
     * @throws SluiceError hook.not_found, and as `acceptRun` does
     */
    async take(target: InboxTarget, entry: InboxEntry, now: () => Promise<InboxTarget>): Promise<Accepted> {
      const { workspaceId, projectId, priority } = target;
      const tryStore = (one: InboxTarget) =>
        database.withWorkspaceSql({ workspaceId }, (sql) => store(sql, one, entry));
      const heard = entry.answer ? undefined : listen(workspaceId, entry.runId, answerMs);
      try {
        const accepted = (await tryStore(target)) ?? (await tryStore(await now()));
        if (!accepted) throw noHook();
        const { displaced, repeated } = accepted;
        if (repeated) heard?.stop();
        else ring({ workspaceId, projectId, runId: accepted.runId, priority, displaced });
        return repeated || !heard ? accepted : { ...accepted, heard };
      } catch (thrown) {
        heard?.stop();
        throw thrown;
      }
    },

    /** What the caller gets: at once, or what a step of the workflow says within the time; else 202 and the run's id. */
    async answer(workspaceId: string, { runId, answer, heard }: Accepted, gone: AbortSignal): Promise<Answer> {
      if (answer) return answer;
      const told = heard && (await firstWord(heard, gone));
      if (told) return told;
      const until = clock.now().getTime() + answerMs;
      const look = () => database.withWorkspaceSql({ workspaceId }, (sql) => findAnswer(sql, workspaceId, runId));
      for (;;) {
        const left = until - clock.now().getTime();
        const signal = waitForSignal(
          signals,
          (one) => isAnswerOf(one, workspaceId, runId),
          Math.max(0, Math.min(left, LOOK_MS)),
          gone,
        );
        try {
          const given = await look();
          if (given) return given;
          if (left <= 0 || gone.aborted) break;
          await signal.came;
        } finally {
          signal.stop();
        }
      }
      const late: Answer = { status: 202, body: { runId } };
      // A step may answer in this very moment; what stands in the inbox is what a repeated delivery gets too.
      return database.withWorkspaceSql({ workspaceId }, async (sql) => {
        await answerHook(sql, workspaceId, runId, late);
        return (await findAnswer(sql, workspaceId, runId)) ?? late;
      });
    },
  };
}

/** An id of a run says which only together with its workspace. */
function isAnswerOf(one: Signal, workspaceId: string, runId: string): one is Extract<Signal, { kind: 'answer' }> {
  return one.kind === 'answer' && one.workspaceId === workspaceId && one.runId === runId;
}

/** The answer, where the first that is heard of the run says it. */
async function firstWord({ came, answer, stop }: Heard, gone: AbortSignal): Promise<Answer | undefined> {
  gone.addEventListener('abort', stop, { once: true });
  await came;
  gone.removeEventListener('abort', stop);
  return answer();
}

/** What a run has answered so far, or said by ending. */
async function knownAnswer(
  sql: Sql,
  { workspaceId }: Pick<InboxTarget, 'workspaceId'>,
  runId: string,
): Promise<Answer | undefined> {
  const { answer, status } = await findRunAnswer(sql, workspaceId, runId);
  return answer ?? (hasEnded(status) ? answerOfEnd(runId, status) : undefined);
}
