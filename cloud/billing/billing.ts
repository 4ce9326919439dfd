import { join } from 'node:path';
import { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { Secret } from '#shared/log.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import { createNotices } from '../notifications/notices.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { createAllowances, type FullAllowances } from './allowances.ts';
import { billingPages } from './billingPages.ts';
import { createBillingService } from './billingService.ts';
import { startStripeStandin } from './standin/stripeStandin.ts';
import { createStripe, type StripeSettings } from './stripeClient.ts';
import { stripeEventRoute } from './stripeEvents.ts';

/** What hosted use is held to; without routes, so that runs and containers can be handed it before billing is made. */
export function createPlatformAllowances({
  logger,
  metrics,
  ...deps
}: Pick<Platform, 'logger' | 'metrics' | 'mail' | 'publicUrl'>): FullAllowances {
  const notices = createNotices(deps);
  const alerts = metrics.counter('sluice_allowance_alerts_total', 'Shares of an allowance that were passed.', [
    'meter',
    'percent',
  ]);
  return createAllowances({
    log: logger,
    async alert(sql, { workspaceId, meter, period, percent, used, limit }) {
      alerts.inc({ meter, percent });
      const action = percent === 100 ? 'allowance.exceeded' : 'allowance.warning';
      const metadata = { meter, period, percent, used, limit };
      await notices.allowanceWarning(sql, { workspaceId, ...metadata });
      await recordAudit(sql, { workspaceId }, { action, resource: 'allowance', resourceId: meter, metadata });
    },
  });
}

/**
 * Plans, usage and payment. Without `STRIPE_SECRET_KEY` a stand-in of the provider's API runs beside us on loopback, and
 * nobody pays real money.
 */
export async function createBilling(
  platform: Platform,
  { onPlanChanged }: { onPlanChanged: (workspaceId: string) => void },
): Promise<Capability> {
  const { db, clock, logger, publicUrl } = platform;
  const { settings, connect, close } = await paymentProvider(platform);
  const stripe = createStripe(settings);
  const router = Router();
  stripeEventRoute(router, { db, clock, stripe, settings, onPlanChanged, logger }, platform);
  billingPages(router, platform);
  const service = createBillingService({ db, clock, stripe, prices: settings.prices, publicUrl });
  return {
    routers: [router, mount('billing', cloudApi.billing, service, platform)],
    start: async () => connect(`${publicUrl}/v1/billing/stripe`),
    stop: close,
  };
}

type Provider = { settings: StripeSettings; connect: (webhookUrl: string) => void; close: () => Promise<void> };

async function paymentProvider({ config, master, logger }: Platform): Promise<Provider> {
  if (config.stripe) {
    const { webhookSecret = new Secret(''), ...rest } = config.stripe;
    if (!webhookSecret.reveal()) {
      logger.warn(
        'STRIPE_WEBHOOK_SECRET is not set: events of the payment provider are refused, and plans will not change.',
      );
    }
    return { settings: { ...rest, webhookSecret }, connect: () => {}, close: async () => {} };
  }
  const standin = await startStripeStandin({
    stateFile: join(config.dataDir, 'stripe-standin.json'),
    seed: master.derive('stripe stand-in'),
  });
  logger.info('STRIPE_SECRET_KEY is not set: a stand-in takes payments, and no money moves.', { url: standin.url });
  return {
    settings: {
      secretKey: new Secret(standin.secretKey),
      webhookSecret: new Secret(standin.webhookSecret),
      apiUrl: standin.url,
      prices: standin.prices,
    },
    connect: (webhookUrl) => standin.deliverTo(webhookUrl),
    close: () => standin.close(),
  };
}
