import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import type Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Logger, Secret } from '#shared/log.ts';
import { permissionsOf } from '#shared/permission.ts';
import { createTenantDatabase, type TenantDatabase } from '../../tests/fixtures/tenantDatabase.ts';
import { systemClock } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import type { Actor } from '../server/actor.ts';
import { createBillingService } from './billingService.ts';
import { signPayload } from './standin/standinEvents.ts';
import { type StripeStandin, startStripeStandin } from './standin/stripeStandin.ts';
import { createStripe, type StripeSettings } from './stripeClient.ts';
import { createEventHandler } from './stripeEvents.ts';

/** Of the orders in which events can come, one in so many is tried; the long run tries them all. */
const ONE_IN = process.env.SLUICE_TESTS === 'long' ? 1 : 7;
const ORDERS = permutations([0, 1, 2, 3, 4, 5]).filter((_order, index) => index % ONE_IN === 0);

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => log };
let tenants: TenantDatabase;
let standin: StripeStandin;
let settings: StripeSettings;
let stripe: Stripe;
let actor: Actor;
let service: ReturnType<typeof createBillingService>;
let take: ReturnType<typeof createEventHandler>;
const changed: string[] = [];

beforeAll(async () => {
  tenants = await createTenantDatabase();
  standin = await startStripeStandin();
  settings = {
    secretKey: new Secret(standin.secretKey),
    webhookSecret: new Secret(standin.webhookSecret),
    apiUrl: standin.url,
    prices: standin.prices,
  };
  stripe = createStripe(settings);
  const { db } = tenants;
  service = createBillingService({
    db,
    clock: systemClock,
    stripe,
    prices: settings.prices,
    publicUrl: 'http://127.0.0.1:1',
  });
  take = createEventHandler({
    db,
    clock: systemClock,
    stripe,
    settings,
    onPlanChanged: (id) => changed.push(id),
    logger: log,
  });
});
afterAll(async () => {
  await standin.close();
  await tenants.close();
});
beforeEach(async () => {
  changed.length = 0;
  const { workspaceId, userId } = await tenants.newWorkspace();
  actor = {
    workspaceId,
    userId,
    sessionId: userId,
    family: userId,
    email: 'owner@example.com',
    name: 'Owner',
    emailVerified: true,
    role: 'owner',
    permissions: permissionsOf('owner'),
    requestId: 'test',
    ip: '127.0.0.1',
    userAgent: 'test',
  };
});

/** A person at the hosted page. */
function submit(url: string, fields: Record<string, string>): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
}

async function buy(plan: 'starter' | 'pro' | 'business'): Promise<void> {
  const { url } = await service.checkout({ plan, cycle: 'month' }, actor);
  const paid = await submit(url, { card: '4242 4242 4242 4242' });
  expect(paid.headers.get('location')).toBe('http://127.0.0.1:1/billing/done');
}

const eventsSince = (before: number) => standin.events().slice(before);
const fetchEvent = (id: string) => stripe.events.retrieve(id);

async function deliver(
  event: Stripe.Event,
  { at = Date.now() / 1_000, secret = standin.webhookSecret } = {},
): Promise<void> {
  const payload = JSON.stringify(event);
  await take(Buffer.from(payload), signPayload(payload, secret, Math.floor(at)));
}

const inside = <T>(work: (sql: Sql) => Promise<T>) => tenants.db.withWorkspaceSql(actor, work);
const planNow = () =>
  tenants.db
    .withWorkspace(actor, (tx) => tx.workspace.findUniqueOrThrow({ where: { id: actor.workspaceId } }))
    .then(({ plan }) => plan);
const row = () =>
  tenants.db.withWorkspace(actor, async (tx) => {
    const { planSlug, status, cycle, cancelAtPeriodEnd, stripeSubscriptionId, periodEnd } =
      await tx.subscription.findFirstOrThrow();
    return { planSlug, status, cycle, cancelAtPeriodEnd, stripeSubscriptionId, periodEnd };
  });

test('a checkout that is paid for makes the workspace Pro, once its events arrive', async () => {
  const before = standin.events().length;
  await buy('pro');
  expect(await planNow()).toBe('free'); // the return page proves nothing
  for (const { id } of eventsSince(before)) await deliver(await fetchEvent(id));
  expect(await planNow()).toBe('pro');
  expect(changed).toEqual([actor.workspaceId]);
  expect(await service.subscription({}, actor)).toMatchObject({
    plan: 'pro',
    status: 'active',
    cycle: 'month',
    cancelAtPeriodEnd: false,
  });
  const { meters, plan } = await service.usage({}, actor);
  expect([plan, meters.find(({ meter, period }) => meter === 'workflow.runs' && period === 'day')?.included]).toEqual([
    'pro',
    2_000,
  ]);
  const invoices = await tenants.db.withWorkspace(actor, (tx) => tx.invoice.findMany());
  expect(invoices).toMatchObject([{ status: 'paid', currency: 'usd', total: 2_900 }]);
  const audit = await tenants.db.withWorkspace(actor, (tx) => tx.auditEntry.findMany({ orderBy: { seq: 'asc' } }));
  expect(audit.map(({ action }) => action).filter((action) => action.startsWith('billing'))).toEqual([
    'billing.subscribe',
    'billing.payment',
  ]);
});

test('a declined card buys nothing and lets one try again', async () => {
  const before = standin.events().length;
  const { url } = await service.checkout({ plan: 'starter', cycle: 'month' }, actor);
  const declined = await submit(url, { card: '4000 0000 0000 0002' });
  expect([declined.status, await declined.text()]).toEqual([402, expect.stringContaining('The card was declined.')]);
  expect(eventsSince(before).map(({ type }) => type)).toEqual(['customer.created']);
  expect((await submit(url, { card: '4242424242424242' })).status).toBe(303);
});

test(`${ORDERS.length} of the 720 orders of six events, each also twice and at once, end in the same state`, async () => {
  const before = standin.events().length;
  await buy('starter');
  const subscription = (await stripe.subscriptions.list({ customer: await customerId() })).data[0]?.id ?? '';
  await stripe.subscriptions.update(subscription, { cancel_at_period_end: true });
  const item = (await stripe.subscriptions.retrieve(subscription)).items.data[0]?.id ?? '';
  await stripe.subscriptions.update(subscription, { items: [{ id: item, price: standin.prices.business.month }] });
  const events = await Promise.all(
    eventsSince(before)
      .filter(({ type }) => type !== 'customer.created')
      .map(({ id }) => fetchEvent(id)),
  );
  expect(events).toHaveLength(6);

  await deliver(events[0] as Stripe.Event);
  const expected = await row();
  expect(expected).toMatchObject({ planSlug: 'business', status: 'active', cancelAtPeriodEnd: true });
  for (const order of ORDERS) {
    // As if each order happened to a server that has seen none of them: only the events themselves are forgotten.
    const named = order.map(
      (index) => ({ ...(events[index] as Stripe.Event), id: `evt_${randomBytes(8).toString('hex')}` }) as Stripe.Event,
    );
    await inside((sql) =>
      sql.query(
        "update subscription set plan_slug = 'free', status = 'incomplete', cancel_at_period_end = false where workspace_id = $1",
        [actor.workspaceId],
      ),
    );
    const repeated = named.flatMap((event) => [deliver(event), deliver(event)]);
    await Promise.all(repeated);
    expect(await row()).toEqual(expected);
  }
  expect(await planNow()).toBe('business');
}, 300_000);

test('events that are handled while the subscription goes on changing leave the newest state, not the last to answer', async () => {
  const before = standin.events().length;
  await buy('starter');
  const [subscription] = (await stripe.subscriptions.list({ customer: await customerId() })).data;
  const item = subscription?.items.data[0]?.id ?? '';
  const work: Promise<unknown>[] = [];
  for (let turn = 0; turn < 30; turn++) {
    const price = standin.prices[turn % 2 === 0 ? 'business' : 'pro'].month;
    await stripe.subscriptions.update(subscription?.id ?? '', { items: [{ id: item, price }] });
    const events = eventsSince(before).slice(-2);
    for (const { id } of events)
      work.push(deliver({ ...(await fetchEvent(id)), id: `${id}_${turn}` } as Stripe.Event).catch(() => {}));
  }
  await Promise.all(work);
  const last = eventsSince(before).findLast(({ type }) => type === 'customer.subscription.updated');
  await deliver(await fetchEvent(last?.id ?? ''));
  expect(await row()).toMatchObject({ planSlug: 'pro', status: 'active' });
  expect(await planNow()).toBe('pro');
});

test('a subscription that ended makes the plan Free, and late news of its life does not bring it back', async () => {
  const before = standin.events().length;
  await buy('pro');
  const born = eventsSince(before);
  for (const { id } of born) await deliver(await fetchEvent(id));
  const { stripeSubscriptionId } = await row();
  const middle = standin.events().length;
  standin.end(stripeSubscriptionId ?? '');
  for (const { id } of eventsSince(middle)) await deliver(await fetchEvent(id));
  expect(await planNow()).toBe('free');
  const late = {
    ...(await fetchEvent(born.find(({ type }) => type === 'customer.subscription.created')?.id ?? '')),
    id: 'evt_late',
  } as Stripe.Event;
  await deliver(late);
  expect(await planNow()).toBe('free');
  expect(await service.subscription({}, actor)).toMatchObject({ plan: 'free', status: 'canceled' });

  const again = standin.events().length;
  await buy('starter');
  for (const { id } of eventsSince(again).reverse()) await deliver(await fetchEvent(id));
  expect(await planNow()).toBe('starter');
});

test('a renewal that is not paid keeps the plan while the provider tries again', async () => {
  const before = standin.events().length;
  await buy('pro');
  standin.renew((await stripe.subscriptions.list({ customer: await customerId() })).data[0]?.id ?? '', false);
  for (const { id } of eventsSince(before)) await deliver(await fetchEvent(id));
  expect(await service.subscription({}, actor)).toMatchObject({ plan: 'pro', status: 'past_due' });
  const invoices = await tenants.db.withWorkspace(actor, (tx) => tx.invoice.findMany({ orderBy: { status: 'asc' } }));
  expect(invoices.map(({ status }) => status)).toEqual(['open', 'paid']);
});

test('who has a plan changes it on the portal, and is not sold a second subscription', async () => {
  const before = standin.events().length;
  await buy('starter');
  for (const { id } of eventsSince(before)) await deliver(await fetchEvent(id));
  await expect(service.checkout({ plan: 'starter', cycle: 'month' }, actor)).rejects.toMatchObject({
    code: 'request.invalid',
  });
  const { url } = await service.checkout({ plan: 'business', cycle: 'month' }, actor);
  const middle = standin.events().length;
  const confirmed = await submit(url, { action: `switch:${standin.prices.business.month}` });
  expect(confirmed.headers.get('location')).toBe('http://127.0.0.1:1/billing/done');
  for (const { id } of eventsSince(middle)) await deliver(await fetchEvent(id));
  expect(await planNow()).toBe('business');
  expect((await stripe.subscriptions.list({ customer: await customerId(), status: 'all' })).data).toHaveLength(1);

  const portal = await service.portal({}, actor);
  const last = standin.events().length;
  await submit(portal.url, { action: 'cancel' });
  for (const { id } of eventsSince(last)) await deliver(await fetchEvent(id));
  expect(await service.subscription({}, actor)).toMatchObject({ plan: 'business', cancelAtPeriodEnd: true });
});

test('two checkouts at once share one customer', async () => {
  await Promise.all([1, 2, 3].map(() => service.checkout({ plan: 'pro', cycle: 'month' }, actor)));
  expect(new Set(await Promise.all([customerId(), customerId()])).size).toBe(1);
});

test('what the provider did not sign, just now and for this mode, is refused and changes nothing', async () => {
  const before = standin.events().length;
  await buy('pro');
  const [first] = eventsSince(before).filter(({ type }) => type === 'customer.subscription.created');
  const event = await fetchEvent(first?.id ?? '');
  const now = Math.floor(Date.now() / 1_000);
  const refused = (body: string, signature: string) =>
    expect(take(Buffer.from(body), signature)).rejects.toMatchObject({ code: 'payment.event_invalid' });
  const payload = JSON.stringify(event);
  const good = signPayload(payload, standin.webhookSecret, now);
  await refused(payload, '');
  await refused(payload, signPayload(payload, 'whsec_other', now));
  await refused(payload, signPayload(payload, standin.webhookSecret, now - 301));
  await refused(payload, good.replace(/t=\d+/, `t=${now + 1}`));
  await refused(`${payload} `, good);
  await refused(payload.replace('active', 'paused'), good);
  const live = JSON.stringify({ ...event, livemode: true });
  await refused(live, signPayload(live, standin.webhookSecret, now));
  expect(await planNow()).toBe('free');
  const closed = createEventHandler({
    db: tenants.db,
    clock: systemClock,
    stripe,
    settings: { ...settings, webhookSecret: new Secret('') },
    onPlanChanged: () => {},
    logger: log,
  });
  await expect(closed(Buffer.from(payload), signPayload(payload, '', now))).rejects.toMatchObject({
    code: 'payment.event_invalid',
  });
  await take(Buffer.from(payload), good);
  expect(await planNow()).toBe('pro');
});

test("an event about another customer's subscription that names this workspace is let go", async () => {
  await service.checkout({ plan: 'pro', cycle: 'month' }, actor); // this workspace has a customer of its own
  const intruder = await stripe.customers.create({ email: 'intruder@example.com' });
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    customer: intruder.id,
    line_items: [{ price: standin.prices.business.month, quantity: 1 }],
    subscription_data: { metadata: { workspaceId: actor.workspaceId } },
    success_url: 'http://127.0.0.1:1/',
  });
  const before = standin.events().length;
  await submit(session.url ?? '', { card: '4242424242424242' });
  for (const { id } of eventsSince(before)) await deliver(await fetchEvent(id));
  expect(await planNow()).toBe('free');
});

test('who has not confirmed an address cannot pay', async () => {
  const unverified = { ...actor, emailVerified: false };
  await expect(service.checkout({ plan: 'pro', cycle: 'month' }, unverified)).rejects.toMatchObject({
    code: 'mail.not_verified',
  });
  await expect(service.portal({}, unverified)).rejects.toMatchObject({ code: 'mail.not_verified' });
});

test('a provider that does not answer is said to be unavailable', async () => {
  const deaf = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void deaf.close());
  const apiUrl = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
  const gone = createStripe({ secretKey: settings.secretKey, apiUrl });
  const broken = createBillingService({
    db: tenants.db,
    clock: systemClock,
    stripe: gone,
    prices: settings.prices,
    publicUrl: 'http://127.0.0.1:1',
  });
  await expect(broken.checkout({ plan: 'pro', cycle: 'month' }, actor)).rejects.toMatchObject({
    code: 'payment.unavailable',
    status: 503,
  });
});

async function customerId(): Promise<string> {
  return tenants.db.withWorkspace(actor, async (tx) => (await tx.subscription.findFirstOrThrow()).stripeCustomerId);
}

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, index) => index !== at)).map((rest) => [item, ...rest]),
  );
}
