import Stripe from 'stripe';
import { SluiceError } from '#shared/error.ts';
import type { Secret } from '#shared/log.ts';

export type PaidPlan = 'starter' | 'pro' | 'business';
export type Cycle = 'month' | 'year';
export type StripePrices = Record<PaidPlan, { month?: string; year?: string }>;

export type StripeSettings = {
  secretKey: Secret<string>;
  webhookSecret: Secret<string>;
  /** Absent: the provider itself. */
  apiUrl?: string;
  prices: StripePrices;
};

/** The provider's own client. Its API version is the one the package was made for. */
export function createStripe({ secretKey, apiUrl }: Pick<StripeSettings, 'secretKey' | 'apiUrl'>): Stripe {
  const url = apiUrl ? new URL(apiUrl) : undefined;
  return new Stripe(secretKey.reveal(), {
    ...(url
      ? { host: url.hostname, port: url.port || undefined, protocol: url.protocol === 'http:' ? 'http' : 'https' }
      : {}),
    timeout: 10_000,
    maxNetworkRetries: 2,
    telemetry: false,
    appInfo: { name: 'sluice' },
  });
}

/** Whether a key moves real money; events of the other mode are refused. */
export function isLive(secretKey: Secret<string>): boolean {
  return /^[a-z]+_live_/.test(secretKey.reveal());
}

/** Which plan and cycle a price stands for. */
export function planOfPrice(prices: StripePrices, priceId: string): { plan: PaidPlan; cycle: Cycle } | undefined {
  for (const plan of Object.keys(prices) as PaidPlan[]) {
    for (const cycle of ['month', 'year'] as const) if (prices[plan][cycle] === priceId) return { plan, cycle };
  }
  return undefined;
}

/** The provider's answer, or an error that says that payment does not work right now. */
export async function ask<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof Stripe.errors.StripeError)) throw cause;
    throw new SluiceError('payment.unavailable', 'The payment provider does not answer as it should.', {
      advice: 'Try again in a minute. Nothing was charged.',
      cause,
    });
  }
}
