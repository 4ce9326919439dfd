import { createHash } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { hookItem } from '#runtime/connectors/trigger/hookItem.ts';
import { type HookHeaders, secretHeaders, verifyHook } from '#runtime/connectors/trigger/verifyHook.ts';
import type { Answer } from '#shared/run/events.ts';
import type { Clock } from '../platform/clock.ts';
import type { HookAddress, HookTargets, ResolvedHook } from './hookTargets.ts';
import type { Accepted, Inbox } from './inbox.ts';

export type HookDeps = { targets: HookTargets; inbox: Inbox; clock: Clock };

export type HookRequest = {
  method: string;
  query: string;
  headers: HookHeaders;
  rawBody: Buffer;
};

export type HookService = {
  /**
   * Verifies the request and puts it into the inbox together with its run; after this it is not lost.
   *
   * @throws SluiceError hook.signature_invalid, hook.stale, hook.body_invalid, hook.not_found, and as `acceptRun` does
   */
  accept(address: HookAddress, hook: ResolvedHook, request: HookRequest): Promise<Accepted>;
};

export function createHookService({ targets, inbox, clock }: HookDeps): HookService {
  return {
    async accept(address, hook, request) {
      const { workspaceId, config } = hook;
      const secrets = hook.secrets.reveal();
      const { headers, rawBody } = request;
      const { deliveryId } = await verifyHook({ config, secrets, headers, rawBody, nowMs: clock.now().getTime() });
      const hide = secretHeaders({ config, secrets });
      const { json, binary } = hookItem({ ...request, path: `/hooks/${config.path}`, deliveryId, hide });
      const kept = await inbox.keep(workspaceId, binary ? [bodyFile(binary)] : []);
      const runId = newId();
      const answer: Answer | undefined = config.answer === 'at_once' ? { status: 202, body: { runId } } : undefined;
      const entry = {
        runId,
        deliveryId: deliveryId ?? runId,
        bodyHash: createHash('sha256').update(rawBody).digest('hex'),
        trigger: 'webhook' as const,
        item: { json, ...(kept.binary ? { binary: kept.binary } : {}) },
        blobs: kept.blobs,
        answer,
      };
      // Published anew since it was looked up: the sender is the same, so its request goes to what is active now.
      return await inbox.take(hook, entry, () => targets.resolve(address, true));
    },
  };
}

function bodyFile({ bytes, mime, name }: { bytes: Uint8Array; mime: string; name?: string }) {
  return { name: 'body', bytes: Buffer.from(bytes), mime, fileName: name };
}
