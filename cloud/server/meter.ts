import type { Response } from 'express';
import type { RateClass } from '#shared/contract/contract.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import type { Actor, Caller } from './actor.ts';
import { type RateLimits, rateHeaders } from './rateLimits.ts';

/**
 * Counts a request against the limit of whoever asks, and says in headers what is left: a key has one of its own, by
 * plan, so that programs do not use up what their person may ask; else the person has one for each class, else the address.
 * What a key may ask does not count for its address as well: a plan may allow more than an address has.
 *
 * @throws SluiceError rate.exceeded
 */
export async function meter(limits: RateLimits, rate: RateClass, asker: Caller | Actor, res: Response): Promise<void> {
  const actor = 'workspaceId' in asker ? asker : undefined;
  const userId = 'userId' in asker ? asker.userId : asker.session?.userId;
  const state = actor?.apiKey
    ? await limits.takeKey(tenantKey(actor.workspaceId, actor.apiKey.id), actor.apiKey.perSecond)
    : await limits.take(rate, userId ?? asker.ip);
  // What it is refused does count, so that whoever never waits is closed out in the end. Nobody waits for the taking back.
  if (actor?.apiKey && res.locals.countedAddress === true) limits.giveBack(asker.ip).catch(() => undefined);
  for (const [name, value] of Object.entries(rateHeaders(state))) res.setHeader(name, value);
}
