import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { claimKey, forgetKey, keepAnswer } from './idempotencyStore.ts';

/** Does `work` once per key: within 24 hours the same request gets the answer of the first. */
export type Idempotency = (request: KeyedRequest, work: () => Promise<Json>) => Promise<Json>;

export type KeyedRequest = {
  userId: string;
  key: string;
  /** Call and workspace: the same key for another of either is another request, and refused. */
  route: string;
  input: Json;
};

const KEY = /^[\x21-\x7e]{1,200}$/;

export function createIdempotency({ db, clock }: { db: Database; clock: Clock }): Idempotency {
  return async ({ userId, key, route, input }, work) => {
    if (!KEY.test(key))
      throw new SluiceError('request.invalid', 'An Idempotency-Key is 1 to 200 visible ASCII characters.');
    const bodyHash = createHash('sha256')
      .update(`${route}\n${canonicalize(input)}`)
      .digest('hex');
    const claim = await claimKey(db, { userId, key, route, bodyHash, now: clock.now() });
    if (claim.state === 'other') {
      throw new SluiceError('request.key_reused', 'This Idempotency-Key was used for another request.', {
        advice: 'Use a new key for a new request, and the same key only to repeat one.',
      });
    }
    if (claim.state === 'at_work') {
      throw new SluiceError('service.unavailable', 'The first request with this Idempotency-Key is still at work.', {
        advice: 'Repeat it in a few seconds.',
        details: { retryAfterSeconds: 2 },
      });
    }
    if (claim.state === 'answered') return claim.answer;
    let answer: Json;
    try {
      answer = await work();
    } catch (thrown) {
      // A refusal is not kept: whoever mends what it names may use the key again. If it cannot be freed now, it is in a minute.
      await forgetKey(db, userId, key).catch(() => undefined);
      throw thrown;
    }
    // It is done: who asked is told so, even where that cannot be written down.
    await keepAnswer(db, userId, key, answer).catch(() => undefined);
    return answer;
  };
}
