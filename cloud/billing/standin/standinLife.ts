import type Stripe from 'stripe';
import {
  type CheckoutSession,
  type Invoice,
  newId,
  type Price,
  periodEndOf,
  STANDIN_PRICES,
  type StandinState,
  type Subscription,
} from './standinState.ts';

type LifeDeps = {
  state: StandinState;
  /** Seconds since 1970. */
  now: () => number;
  /** A page where an invoice would be seen. */
  url: () => string;
  emit: (type: string, object: object) => void;
};

/** What happens to subscriptions: paid for, renewed, changed, ended. Each of it tells the webhook as the provider does. */
export function createLife({ state, now, url, emit }: LifeDeps) {
  function subscribe(session: CheckoutSession): void {
    const plan = state.checkouts[session.id];
    const price = priceOf(plan?.priceId);
    const customer = String(session.customer);
    const id = newId('sub');
    const start = now();
    const subscription: Subscription = {
      id,
      object: 'subscription',
      billing_cycle_anchor: start,
      cancel_at: null,
      cancel_at_period_end: false,
      canceled_at: null,
      collection_method: 'charge_automatically',
      created: start,
      currency: 'usd',
      customer,
      ended_at: null,
      items: {
        object: 'list',
        has_more: false,
        url: `/v1/subscription_items?subscription=${id}`,
        data: [itemOf(id, price, start)],
      },
      livemode: false,
      metadata: plan?.metadata ?? {},
      pause_collection: null,
      start_date: start,
      status: 'active',
      trial_end: null,
    };
    state.subscriptions[id] = subscription;
    const invoice = bill(subscription, price.unit_amount ?? 0, 'subscription_create', 'paid');
    subscription.latest_invoice = invoice.id;
    Object.assign(session, {
      status: 'complete',
      payment_status: 'paid',
      subscription: id,
      invoice: invoice.id,
      url: null,
    });
    emit('customer.subscription.created', subscription);
    emit('invoice.paid', invoice);
    emit('checkout.session.completed', session);
  }

  function bill(
    of: Subscription,
    amount: number,
    reason: 'subscription_create' | 'subscription_cycle' | 'subscription_update',
    status: 'paid' | 'open',
  ): Invoice {
    const id = newId('in');
    const at = now();
    const item = of.items?.data?.[0];
    const invoice: Invoice = {
      id,
      object: 'invoice',
      amount_due: amount,
      amount_paid: status === 'paid' ? amount : 0,
      amount_remaining: status === 'paid' ? 0 : amount,
      attempt_count: 1,
      attempted: true,
      billing_reason: reason,
      collection_method: 'charge_automatically',
      created: at,
      currency: 'usd',
      customer: of.customer as string,
      hosted_invoice_url: `${url()}/invoice/${id}`,
      invoice_pdf: null,
      livemode: false,
      metadata: {},
      number: `SI-${String(Object.keys(state.invoices).length + 1).padStart(4, '0')}`,
      parent: {
        type: 'subscription_details',
        quote_details: null,
        subscription_details: { metadata: of.metadata ?? {}, subscription: of.id },
      },
      period_start: item?.current_period_start ?? at,
      period_end: item?.current_period_end ?? at,
      status,
      status_transitions: { finalized_at: at, paid_at: status === 'paid' ? at : null },
      subtotal: amount,
      total: amount,
    };
    state.invoices[id] = invoice;
    return invoice;
  }

  /** The next period begins: paid for, or not. */
  function renew(id: string, paid: boolean): void {
    const { subscription, item } = found(id);
    if (subscription.cancel_at_period_end) {
      end(id);
      return;
    }
    const price = item.price as Price;
    item.current_period_start = item.current_period_end ?? now();
    item.current_period_end = periodEndOf(item.current_period_start, price.recurring?.interval as 'month' | 'year');
    subscription.status = paid ? 'active' : 'past_due';
    const invoice = bill(subscription, price.unit_amount ?? 0, 'subscription_cycle', paid ? 'paid' : 'open');
    subscription.latest_invoice = invoice.id;
    emit('customer.subscription.updated', subscription);
    emit(paid ? 'invoice.paid' : 'invoice.payment_failed', invoice);
  }

  /** It is over now. */
  function end(id: string): void {
    const { subscription } = found(id);
    Object.assign(subscription, {
      status: 'canceled',
      canceled_at: now(),
      ended_at: now(),
      cancel_at_period_end: false,
    });
    emit('customer.subscription.deleted', subscription);
  }

  function cancelAtPeriodEnd(id: string, cancel: boolean): void {
    const { subscription, item } = found(id);
    Object.assign(subscription, {
      cancel_at_period_end: cancel,
      cancel_at: cancel ? item.current_period_end : null,
      canceled_at: cancel ? now() : null,
    });
    emit('customer.subscription.updated', subscription);
  }

  /** Another price from now on; the difference for the rest of the period is billed at once. */
  function switchPrice(id: string, priceId: string): void {
    const { subscription, item } = found(id);
    const price = priceOf(priceId);
    const [from, to] = [item.current_period_start ?? now(), item.current_period_end ?? now()];
    const left = to > from ? Math.max(0, to - now()) / (to - from) : 0;
    const difference = Math.round(((price.unit_amount ?? 0) - ((item.price as Price).unit_amount ?? 0)) * left);
    item.price = price as typeof item.price;
    emit('customer.subscription.updated', subscription);
    if (difference > 0) emit('invoice.paid', bill(subscription, difference, 'subscription_update', 'paid'));
  }

  function itemOf(subscription: string, price: Price, start: number) {
    return {
      id: newId('si'),
      object: 'subscription_item' as const,
      created: start,
      current_period_start: start,
      current_period_end: periodEndOf(start, price.recurring?.interval as 'month' | 'year'),
      metadata: {},
      price: price as Stripe.Price,
      quantity: 1,
      subscription,
    };
  }

  function found(id: string) {
    const subscription = state.subscriptions[id];
    const item = subscription?.items?.data?.[0];
    if (!subscription || !item) throw new Error(`no such subscription: ${id}`);
    return { subscription, item };
  }

  return { subscribe, renew, end, cancelAtPeriodEnd, switchPrice };
}

export function priceOf(id: string | undefined): Price {
  const price = STANDIN_PRICES.find((known) => known.id === id);
  if (!price) throw new Error(`no such price: ${id}`);
  return structuredClone(price);
}
