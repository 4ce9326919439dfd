import type { Router } from 'express';
import type Stripe from 'stripe';
import { z } from 'zod';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import { entitlementOf } from './entitlement.ts';
import { ask, isLive, type StripeSettings } from './stripeClient.ts';
import { applyEntitlement, keepInvoice, markProcessed, readSubscription, rememberEvent } from './subscriptionStore.ts';

export type StripeEventDeps = {
  db: Database;
  clock: Clock;
  stripe: Stripe;
  settings: StripeSettings;
  /** Another plan holds for the workspace; its container gets other limits. */
  onPlanChanged: (workspaceId: string) => void;
  logger: Logger;
};

const MAX_BYTES = 512 * 1024;
const TOLERANCE_SECONDS = 300;
const ATTEMPTS = 8;
const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;

/**
 * Takes one event: proves that the provider sent it just now, and brings our copy up to what the provider says NOW. The
 * event's own content decides nothing but whom to ask about, so its age, order and repetition do not matter.
 *
 * @throws SluiceError payment.event_invalid for what the provider did not send; payment.unavailable to be sent again
 */
export function createEventHandler({ db, clock, stripe, settings, onPlanChanged, logger }: StripeEventDeps) {
  const live = isLive(settings.secretKey);

  function open(body: Buffer, signature: string): Stripe.Event {
    const secret = settings.webhookSecret.reveal();
    if (!secret)
      throw new SluiceError(
        'payment.event_invalid',
        'This server takes no payment events: STRIPE_WEBHOOK_SECRET is not set.',
      );
    let event: Stripe.Event;
    try {
      event = stripe.webhooks.constructEvent(body, signature, secret, TOLERANCE_SECONDS);
    } catch (cause) {
      throw new SluiceError(
        'payment.event_invalid',
        'The signature is not one of the payment provider, or is too old.',
        { cause },
      );
    }
    if (event.livemode !== live) {
      throw new SluiceError(
        'payment.event_invalid',
        `The event is of ${event.livemode ? 'live' : 'test'} mode, and this server is not.`,
      );
    }
    return event;
  }

  /** @param hint the workspace that the event names; what the provider then says of the customer has to name it too */
  async function bringUpToDate(customer: string, hint: string | undefined): Promise<string | undefined> {
    let workspaceId = hint ?? (await currentOf(customer))?.workspaceId;
    for (let attempt = 0; attempt < ATTEMPTS && workspaceId; attempt++) {
      const before = await readSubscription(db, { workspaceId });
      if (before && before.stripeCustomerId !== customer) {
        logger.warn('A payment event names a workspace of another customer; it is let go.', { workspaceId });
        return undefined;
      }
      // Fetched after the row was read, so that a write in between shows, and older news never covers newer.
      const entitlement = await currentOf(customer);
      if (!entitlement) return undefined;
      if (entitlement.workspaceId !== workspaceId) {
        workspaceId = entitlement.workspaceId;
        continue;
      }
      const applied = await applyEntitlement(db, before, entitlement);
      if (applied === 'stale') continue;
      if (applied === 'plan_changed') onPlanChanged(workspaceId);
      return workspaceId;
    }
    if (!workspaceId) return undefined;
    throw new SluiceError('payment.unavailable', 'The subscription changed again and again while it was read.');
  }

  async function currentOf(customer: string) {
    const { data } = await ask(stripe.subscriptions.list({ customer, status: 'all', limit: 100 }));
    return entitlementOf(data, settings.prices);
  }

  async function copyInvoice(workspaceId: string, id: string): Promise<void> {
    const invoice = await ask(stripe.invoices.retrieve(id));
    await keepInvoice(
      db,
      { workspaceId },
      {
        stripeInvoiceId: id,
        number: invoice.number ?? undefined,
        status: INVOICE_STATUSES.find((known) => known === invoice.status) ?? 'open',
        currency: invoice.currency,
        total: invoice.total,
        pdfRef: invoice.invoice_pdf ?? undefined,
        issuedAt: new Date((invoice.status_transitions?.finalized_at ?? invoice.created) * 1_000),
      },
    );
  }

  return async function take(body: Buffer, signature: string): Promise<void> {
    const event = open(body, signature);
    const { processed } = await rememberEvent(db, event.id, event.type);
    if (processed) return;
    const object = event.data.object as EventObject;
    const customer = typeof object.customer === 'string' ? object.customer : object.customer?.id;
    if (customer && /^(checkout\.session|customer\.subscription|invoice)\./.test(event.type)) {
      const workspaceId = await bringUpToDate(customer, workspaceNamedBy(object));
      if (workspaceId && object.id && event.type.startsWith('invoice.')) await copyInvoice(workspaceId, object.id);
    }
    await markProcessed(db, event.id, clock.now());
  };
}

/** A checkout session, a subscription or an invoice, as far as it says whom it is about. */
type EventObject = {
  id?: string;
  customer?: string | { id: string } | null;
  metadata?: Record<string, string> | null;
  parent?: { subscription_details?: { metadata?: Record<string, string> | null } | null } | null;
};

function workspaceNamedBy({ metadata, parent }: EventObject): string | undefined {
  const named = parent?.subscription_details?.metadata?.workspaceId ?? metadata?.workspaceId;
  return z.uuid().safeParse(named).data;
}

/** `POST /v1/billing/stripe`: the bytes as they came, whatever they call themselves. */
export function stripeEventRoute(router: Router, deps: StripeEventDeps, http: MountDeps): void {
  const take = createEventHandler(deps);
  rawRoute(
    router,
    { name: 'billing.stripeEvents', method: 'POST', path: '/v1/billing/stripe', access: 'token', rate: 'hook' },
    async (req, res) => {
      const body = await readBody(req, MAX_BYTES);
      await take(body, req.get('stripe-signature') ?? '');
      res.status(200).json({ received: true });
    },
    http,
  );
}
