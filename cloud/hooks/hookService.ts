import { createHash } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { hookItem } from '#runtime/connectors/trigger/hookItem.ts';
import { type HookHeaders, secretHeaders, verifyHook } from '#runtime/connectors/trigger/verifyHook.ts';
import type { Answer } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Sql } from '../platform/database.ts';
import { acceptRun } from '../runs/acceptRun.ts';
import { recordBlob } from '../runs/blobStore.ts';
import type { Ringer } from '../runs/dispatch.ts';
import { answerOfEnd } from '../runs/endRun.ts';
import { answerHook } from '../runs/hookAnswerStore.ts';
import type { Allowances } from '../runs/ports.ts';
import { type Signals, waitForSignal } from '../runs/signals.ts';
import { findAnswer, findDelivery, findRunAnswer, insertDelivery, moveDelivery } from './hookStore.ts';
import { type HookAddress, type HookTargets, noHook, type ResolvedHook } from './hookTargets.ts';

export type HookDeps = {
  database: Database;
  targets: HookTargets;
  allowances: Allowances;
  blobs: Blobs;
  ring: Ringer;
  signals: Signals;
  clock: Clock;
  /** How long a caller is held until a step answers. Default 25 s. */
  answerMs?: number;
};

export type HookRequest = {
  method: string;
  query: string;
  headers: HookHeaders;
  rawBody: Buffer;
};

export type Accepted = { runId: string; repeated: boolean; answer: Answer | undefined; displaced?: string[] };

export type HookService = {
  /**
   * Verifies the request and puts it into the inbox together with its run; after this it is not lost.
   *
   * @throws SluiceError hook.signature_invalid, hook.stale, hook.body_invalid, hook.not_found, and as `acceptRun` does
   */
  accept(address: HookAddress, hook: ResolvedHook, request: HookRequest): Promise<Accepted>;
  /** What the caller gets: at once, or what a step of the workflow says within the time; else 202 and the run's id. */
  answer(workspaceId: string, accepted: Accepted, gone: AbortSignal): Promise<Answer>;
};

/** A lost signal costs at most this. */
const LOOK_MS = 2_000;

export function createHookService(deps: HookDeps): HookService {
  const { database, targets, allowances, blobs, ring, signals, clock, answerMs = 25_000 } = deps;

  /** Undefined: the deployment is no longer the active one. */
  async function store(sql: Sql, hook: ResolvedHook, entry: Entry): Promise<Accepted | undefined> {
    const { workspaceId, hookId, workflowId } = hook;
    const delivery = { workspaceId, hookId, deliveryId: entry.deliveryId };
    const answer: Answer | undefined =
      hook.config.answer === 'at_once' ? { status: 202, body: { runId: entry.runId } } : undefined;
    if (!(await insertDelivery(sql, delivery, { ...entry, answer, deploymentId: hook.deploymentId }))) {
      const first = await findDelivery(sql, delivery);
      return first && { ...first, repeated: true };
    }
    if (entry.blob) await recordBlob(sql, workspaceId, entry.blob.sha256, entry.blob.bytes);
    const accepted = await acceptRun(
      sql,
      {
        id: entry.runId,
        workspaceId,
        projectId: hook.projectId,
        workflowId,
        workflowName: hook.workflow.name,
        versionId: hook.versionId,
        deploymentId: hook.deploymentId,
        environment: hook.environment,
        trigger: 'webhook',
        triggerStepId: hook.stepId,
        triggeredBy: hookId,
        items: [entry.item],
        priority: hook.priority,
      },
      allowances,
      hook.workflow,
    );
    if (!accepted.repeated) return { ...accepted, answer };
    // The run that stands for this delivery also answers it, now and whenever it comes again.
    const { runId } = accepted;
    const given: Answer | undefined = answer ? { ...answer, body: { runId } } : await knownAnswer(sql, hook, runId);
    await moveDelivery(sql, delivery, { runId, answer: given });
    return { runId, repeated: true, answer: given };
  }

  return {
    async accept(address, found, request) {
      const { workspaceId } = found;
      const { config } = found;
      const secrets = found.secrets.reveal();
      const { headers, rawBody } = request;
      const { deliveryId } = await verifyHook({ config, secrets, headers, rawBody, nowMs: clock.now().getTime() });
      const hide = secretHeaders({ config, secrets });
      const { json, binary } = hookItem({ ...request, path: `/hooks/${config.path}`, deliveryId, hide });
      const item: Item = { json };
      let blob: Entry['blob'];
      if (binary) {
        const { bytes, mime, name } = binary;
        blob = { sha256: await blobs.put(workspaceId, bytes), bytes: bytes.length };
        item.binary = {
          body: { blob: blob.sha256, bytes: bytes.length, mime, ...(name === undefined ? {} : { name }) },
        };
      }
      const runId = newId();
      const bodyHash = createHash('sha256').update(rawBody).digest('hex');
      const entry: Entry = { runId, deliveryId: deliveryId ?? runId, bodyHash, item, blob };
      const tryStore = (hook: ResolvedHook) =>
        database.withWorkspaceSql({ workspaceId }, (sql) => store(sql, hook, entry));
      // Published anew since it was looked up: the sender is the same, so its request goes to what is active now.
      const accepted = (await tryStore(found)) ?? (await tryStore(await targets.resolve(address, true)));
      if (!accepted) throw noHook();
      const { projectId, priority } = found;
      const { displaced } = accepted;
      if (!accepted.repeated) ring({ workspaceId, projectId, runId: accepted.runId, priority, displaced });
      return accepted;
    },

    async answer(workspaceId, { runId, answer }, gone) {
      if (answer) return answer;
      const until = clock.now().getTime() + answerMs;
      const look = () => database.withWorkspaceSql({ workspaceId }, (sql) => findAnswer(sql, workspaceId, runId));
      for (;;) {
        const left = until - clock.now().getTime();
        const signal = waitForSignal(
          signals,
          (one) => one.kind === 'answer' && one.runId === runId,
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

/** What a run has answered so far, or said by ending. */
async function knownAnswer(sql: Sql, { workspaceId }: ResolvedHook, runId: string): Promise<Answer | undefined> {
  const { answer, status } = await findRunAnswer(sql, workspaceId, runId);
  return answer ?? (hasEnded(status) ? answerOfEnd(runId, status) : undefined);
}

type Entry = {
  runId: string;
  deliveryId: string;
  bodyHash: string;
  item: Item;
  blob?: { sha256: string; bytes: number };
};
