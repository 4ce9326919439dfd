import type Stripe from 'stripe';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { PlanSlug } from '#shared/plan.ts';
import { type Cycle, planOfPrice, type StripePrices } from './stripeClient.ts';

export type SubscriptionStatus = 'incomplete' | 'trialing' | 'active' | 'past_due' | 'paused' | 'canceled';

/** What we keep of the provider's subscription, and the plan that follows from it. */
export type Entitlement = {
  workspaceId: string;
  stripeCustomerId: string;
  stripeSubscriptionId: string;
  status: SubscriptionStatus;
  planSlug: PlanSlug;
  /** The plan that holds: `planSlug` while it is paid for, else Free. */
  plan: PlanSlug;
  cycle: Cycle;
  periodStart: Date;
  periodEnd: Date;
  cancelAtPeriodEnd: boolean;
};

/** A late payment keeps the plan until the provider gives up; then the status says so. */
const PAID_FOR: ReadonlySet<SubscriptionStatus> = new Set(['trialing', 'active', 'past_due']);
const STATUSES: Record<string, SubscriptionStatus> = {
  incomplete: 'incomplete',
  incomplete_expired: 'canceled',
  trialing: 'trialing',
  active: 'active',
  past_due: 'past_due',
  unpaid: 'canceled',
  paused: 'paused',
  canceled: 'canceled',
};

/**
 * What a customer's subscriptions, as they are now, entitle to. Which event led here plays no part, so events in any
 * order and number end in the same state.
 *
 * @throws SluiceError payment.event_invalid for a price that no plan has
 */
export function entitlementOf(subscriptions: Stripe.Subscription[], prices: StripePrices): Entitlement | undefined {
  const [current] = [...subscriptions].sort(
    (a, b) => Number(isPaidFor(b)) - Number(isPaidFor(a)) || b.created - a.created || (a.id < b.id ? 1 : -1),
  );
  const workspaceId = z.uuid().safeParse(current?.metadata.workspaceId).data;
  const item = current?.items.data[0];
  if (!current || !workspaceId || !item) return undefined;
  const priced = planOfPrice(prices, item.price.id);
  if (!priced) {
    throw new SluiceError('payment.event_invalid', `No plan has the price ${item.price.id}.`, {
      advice: 'Name it in STRIPE_PRICE_… and have the provider send the event again.',
    });
  }
  const status = statusOf(current);
  return {
    workspaceId,
    stripeCustomerId: typeof current.customer === 'string' ? current.customer : current.customer.id,
    stripeSubscriptionId: current.id,
    status,
    planSlug: priced.plan,
    plan: PAID_FOR.has(status) ? priced.plan : 'free',
    cycle: priced.cycle,
    periodStart: new Date(item.current_period_start * 1_000),
    periodEnd: new Date(item.current_period_end * 1_000),
    cancelAtPeriodEnd: current.cancel_at_period_end,
  };
}

export function isLiveStatus(status: SubscriptionStatus): boolean {
  return PAID_FOR.has(status);
}

function statusOf({ status, pause_collection }: Stripe.Subscription): SubscriptionStatus {
  const ours = STATUSES[status] ?? 'incomplete';
  return ours === 'active' && pause_collection ? 'paused' : ours;
}

function isPaidFor(subscription: Stripe.Subscription): boolean {
  return PAID_FOR.has(statusOf(subscription));
}
