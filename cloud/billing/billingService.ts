import type Stripe from 'stripe';
import type { MeterUsage } from '#shared/contract/cloud/common.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { PLANS } from '#shared/plan.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Actor } from '../server/actor.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import { METERED } from './allowances.ts';
import { isLiveStatus } from './entitlement.ts';
import { periodEnd, periodKey } from './period.ts';
import { ask, type Cycle, type PaidPlan, type StripePrices } from './stripeClient.ts';
import { keepCustomer, readSubscription, type StoredSubscription } from './subscriptionStore.ts';
import { readCounter, readPlan } from './usageStore.ts';

export type BillingDeps = {
  db: Database;
  clock: Clock;
  stripe: Stripe;
  prices: StripePrices;
  publicUrl: string;
};

export function createBillingService({
  db,
  clock,
  stripe,
  prices,
  publicUrl,
}: BillingDeps): Service<typeof cloudApi.billing, Actor> {
  async function customerOf(actor: Actor, stored: StoredSubscription | undefined): Promise<string> {
    if (stored) return stored.stripeCustomerId;
    const { workspaceId, email, name } = actor;
    const idempotencyKey = `customer:${workspaceId}`;
    const customer = await ask(stripe.customers.create({ email, name, metadata: { workspaceId } }, { idempotencyKey }));
    return keepCustomer(db, actor, customer.id);
  }

  /** The provider's own page where a running subscription changes to another price. */
  async function changePage(stored: StoredSubscription, subscriptionId: string, price: string): Promise<string> {
    const { items } = await ask(stripe.subscriptions.retrieve(subscriptionId));
    const [item] = items.data;
    if (!item) throw new SluiceError('subscription.not_found', 'The subscription has no price to change.');
    const session = await ask(
      stripe.billingPortal.sessions.create({
        customer: stored.stripeCustomerId,
        return_url: `${publicUrl}/billing/cancelled`,
        flow_data: {
          type: 'subscription_update_confirm',
          subscription_update_confirm: { subscription: subscriptionId, items: [{ id: item.id, price, quantity: 1 }] },
          after_completion: { type: 'redirect', redirect: { return_url: `${publicUrl}/billing/done` } },
        },
      }),
    );
    return session.url;
  }

  return {
    usage: (_input, { workspaceId }) =>
      db.withWorkspaceSql({ workspaceId }, async (sql) => {
        const plan = PLANS[(await readPlan(sql, workspaceId)) ?? 'free'];
        const now = clock.now();
        const meters: MeterUsage[] = [];
        for (const { meter, period, limit } of METERED) {
          const { used, reserved } = await readCounter(sql, workspaceId, meter, periodKey(period, now));
          const included = limit?.(plan);
          meters.push({
            meter,
            period,
            used,
            reserved,
            ...(included !== undefined && Number.isFinite(included) ? { included } : {}),
            resetsAt: periodEnd(period, now).toISOString(),
          });
        }
        return { plan: plan.slug, meters };
      }),

    async subscription(_input, actor) {
      const stored = await readSubscription(db, actor);
      if (!stored?.stripeSubscriptionId) {
        const plan = await db.withWorkspaceSql(actor, (sql) => readPlan(sql, actor.workspaceId));
        return { plan: plan ?? 'free', status: 'none', cancelAtPeriodEnd: false };
      }
      return {
        plan: isLiveStatus(stored.status) ? stored.planSlug : 'free',
        status: stored.status,
        cycle: stored.cycle,
        periodEnd: stored.periodEnd?.toISOString(),
        cancelAtPeriodEnd: stored.cancelAtPeriodEnd,
      };
    },

    async checkout({ plan, cycle }, actor) {
      ensure(mustBeVerified(actor));
      const price = priceOf(prices, plan, cycle);
      const stored = await readSubscription(db, actor);
      if (stored?.stripeSubscriptionId && isLiveStatus(stored.status)) {
        if (stored.planSlug === plan && stored.cycle === cycle) {
          throw new SluiceError('request.invalid', `This workspace has ${PLANS[plan].name} already.`);
        }
        return { url: await changePage(stored, stored.stripeSubscriptionId, price) };
      }
      const { workspaceId } = actor;
      const session = await ask(
        stripe.checkout.sessions.create({
          mode: 'subscription',
          customer: await customerOf(actor, stored),
          client_reference_id: workspaceId,
          line_items: [{ price, quantity: 1 }],
          metadata: { workspaceId },
          subscription_data: { metadata: { workspaceId } },
          success_url: `${publicUrl}/billing/done`,
          cancel_url: `${publicUrl}/billing/cancelled`,
        }),
      );
      if (!session.url) throw new SluiceError('payment.unavailable', 'The payment provider gave no page to pay on.');
      return { url: session.url };
    },

    async portal(_input, actor) {
      ensure(mustBeVerified(actor));
      const stored = await readSubscription(db, actor);
      if (!stored) {
        throw new SluiceError('subscription.not_found', 'This workspace has no subscription yet.', {
          advice: 'Choose a plan first.',
        });
      }
      const return_url = `${publicUrl}/billing/done`;
      const session = await ask(
        stripe.billingPortal.sessions.create({ customer: stored.stripeCustomerId, return_url }),
      );
      return { url: session.url };
    },
  };
}

function priceOf(prices: StripePrices, plan: PaidPlan, cycle: Cycle): string {
  const price = prices[plan][cycle];
  if (price) return price;
  const name = `STRIPE_PRICE_${plan.toUpperCase()}${cycle === 'year' ? '_YEAR' : ''}`;
  throw new SluiceError('payment.unavailable', `${PLANS[plan].name} by the ${cycle} is not for sale here.`, {
    advice: `The operator names its price in ${name}.`,
  });
}
