import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type Stripe from 'stripe';
import { PLANS } from '#shared/plan.ts';

/** The fields we give of an object of the API: all of them its own, none of ours. */
type Shape<T> = T extends (infer E)[] ? Shape<E>[] : T extends object ? { [K in keyof T]?: Shape<T[K]> | null } : T;

export type Customer = Shape<Stripe.Customer> & { id: string };
export type Price = Shape<Stripe.Price> & { id: string };
export type CheckoutSession = Shape<Stripe.Checkout.Session> & { id: string };
export type PortalSession = Shape<Stripe.BillingPortal.Session> & { id: string };
export type Subscription = Shape<Stripe.Subscription> & { id: string };
export type Invoice = Shape<Stripe.Invoice> & { id: string };
export type Event = { id: string; type: string; created: number; data: { object: object } } & Record<string, unknown>;

/** What a checkout will make once it is paid; the API keeps it to itself. */
export type CheckoutPlan = { priceId: string; metadata: Record<string, string> };

export type StandinState = {
  customers: Record<string, Customer>;
  sessions: Record<string, CheckoutSession>;
  checkouts: Record<string, CheckoutPlan>;
  portals: Record<string, PortalSession>;
  subscriptions: Record<string, Subscription>;
  invoices: Record<string, Invoice>;
  events: Record<string, Event>;
  /** Ids of events that the webhook has not taken yet. */
  undelivered: string[];
  /** Answers by idempotency key. */
  answers: Record<string, { status: number; body: object }>;
};

const PAID_PLANS = ['starter', 'pro', 'business'] as const;
const MONTHS = { month: 1, year: 12 } as const;

/** One price per plan and cycle, from the plan table; a year costs ten months. */
export const STANDIN_PRICES: Price[] = PAID_PLANS.flatMap((plan) =>
  (['month', 'year'] as const).map((interval) => ({
    id: `price_${plan}_${interval}`,
    object: 'price' as const,
    active: true,
    currency: 'usd',
    livemode: false,
    lookup_key: `sluice_${plan}_${interval}`,
    metadata: {},
    nickname: PLANS[plan].name,
    product: `prod_${plan}`,
    type: 'recurring' as const,
    recurring: { interval, interval_count: 1, usage_type: 'licensed' as const },
    unit_amount: PLANS[plan].priceMonthly * (interval === 'year' ? 10 : 1),
  })),
);

function emptyState(): StandinState {
  return {
    customers: {},
    sessions: {},
    checkouts: {},
    portals: {},
    subscriptions: {},
    invoices: {},
    events: {},
    undelivered: [],
    answers: {},
  };
}

export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`;
}

/** When a period that began then ends, in seconds. */
export function periodEndOf(start: number, interval: 'month' | 'year'): number {
  const end = new Date(start * 1_000);
  end.setUTCMonth(end.getUTCMonth() + MONTHS[interval]);
  return Math.floor(end.getTime() / 1_000);
}

/** Keeps the state in a file, so that subscriptions outlive the process; without a file it is forgotten. */
export function openState(file: string | undefined): { state: StandinState; save: () => Promise<void> } {
  const state = { ...emptyState(), ...(file ? readState(file) : {}) };
  let last: Promise<void> = Promise.resolve();
  const write = async () => {
    if (!file) return;
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(`${file}.new`, JSON.stringify(state));
    await rename(`${file}.new`, file);
  };
  return {
    state,
    save() {
      last = last.then(write, write);
      return last;
    },
  };
}

function readState(file: string): Partial<StandinState> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<StandinState>;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw thrown;
  }
}
