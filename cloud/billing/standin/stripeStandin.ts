import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FormObject, parseForm, textAt, textsAt } from './formBody.ts';
import { createEvents } from './standinEvents.ts';
import { createLife, priceOf } from './standinLife.ts';
import { confirmPage, messagePage, payPage, portalPage } from './standinPages.ts';
import { type CheckoutSession, newId, openState, type PortalSession, STANDIN_PRICES } from './standinState.ts';

export type StripeStandin = {
  /** What `STRIPE_API_URL` would be. */
  url: string;
  secretKey: string;
  webhookSecret: string;
  /** Price ids by plan and cycle. */
  prices: Record<'starter' | 'pro' | 'business', { month: string; year: string }>;
  /** Where events go; those from before come too. */
  deliverTo(webhookUrl: string): void;
  /** Sends a delivered event again, and says whether it was taken. */
  repeat(eventId: string): Promise<boolean>;
  events(): { id: string; type: string }[];
  /** The next period of a subscription begins, paid for or not. */
  renew(subscriptionId: string, paid: boolean): void;
  end(subscriptionId: string): void;
  close(): Promise<void>;
};

type Options = {
  /** Keeps keys and subscriptions over restarts. */
  stateFile?: string;
  /** Makes the keys, so that they stay the same; random without one. */
  seed?: string;
  port?: number;
  retryDelaysMs?: readonly number[];
};

type Answer = { status: number; body: object };
type PageAnswer = { status: number; html: string } | { location: string };

class ApiError extends Error {
  readonly status: number;
  readonly wire: Record<string, string>;
  constructor(status: number, message: string, wire: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.wire = wire;
  }
}

const DECLINED = '4000000000000002';
const MAX_BODY = 64 * 1024;

/**
 * A stand-in of the payment provider's HTTP API on loopback: what the real client needs to sell and change a subscription,
 * its hosted pages, and signed events that are delivered until they are taken. No money moves.
 */
export async function startStripeStandin({
  stateFile,
  seed,
  port = 0,
  retryDelaysMs = [1_000, 2_000, 5_000, 15_000, 60_000],
}: Options = {}): Promise<StripeStandin> {
  const { state, save } = openState(stateFile);
  const derive = (name: string) =>
    (seed ? createHash('sha256').update(`${seed}:${name}`).digest('hex') : randomBytes(24).toString('hex')).slice(
      0,
      48,
    );
  const secretKey = `sk_test_${derive('key')}`;
  const webhookSecret = `whsec_${derive('webhook')}`;
  const now = () => Math.floor(Date.now() / 1_000);
  let url = '';
  let apiVersion = '';
  const events = createEvents({ state, now, apiVersion: () => apiVersion, webhookSecret, retryDelaysMs, save });
  const life = createLife({ state, now, url: () => url, emit: events.emit });

  const current = (customer: string) =>
    Object.values(state.subscriptions).findLast((known) => known.customer === customer && known.status !== 'canceled');

  /** Method and path → what the API answers. `:id` matches one segment. */
  const api: Record<string, (form: FormObject, id: string) => object> = {
    'POST /v1/customers': (form) => {
      const id = newId('cus');
      const customer = {
        id,
        object: 'customer' as const,
        balance: 0,
        created: now(),
        email: textAt(form, 'email') ?? null,
        livemode: false,
        metadata: textsAt(form, 'metadata'),
        name: textAt(form, 'name') ?? null,
      };
      state.customers[id] = customer;
      events.emit('customer.created', customer);
      return customer;
    },
    'GET /v1/customers/:id': (_form, id) => find(state.customers, id, 'customer'),
    'GET /v1/prices/:id': (_form, id) => find(byId(STANDIN_PRICES), id, 'price'),
    'GET /v1/prices': (form) => {
      const keys = Object.values(textsAt(form, 'lookup_keys'));
      return list(
        '/v1/prices',
        STANDIN_PRICES.filter(({ lookup_key }) => keys.length === 0 || keys.includes(String(lookup_key))),
      );
    },
    'POST /v1/checkout/sessions': (form) => {
      if (textAt(form, 'mode') !== 'subscription') throw missing('mode', 'Only mode=subscription is sold here.');
      const priceId = textAt(form, 'line_items', '0', 'price');
      const price = find(byId(STANDIN_PRICES), priceId ?? '', 'price');
      const customer = textAt(form, 'customer') ?? '';
      find(state.customers, customer, 'customer');
      const id = newId('cs_test');
      const session: CheckoutSession = {
        id,
        object: 'checkout.session',
        amount_subtotal: price.unit_amount ?? 0,
        amount_total: price.unit_amount ?? 0,
        cancel_url: textAt(form, 'cancel_url') ?? null,
        client_reference_id: textAt(form, 'client_reference_id') ?? null,
        created: now(),
        currency: 'usd',
        customer,
        expires_at: now() + 24 * 3_600,
        invoice: null,
        livemode: false,
        metadata: textsAt(form, 'metadata'),
        mode: 'subscription',
        payment_method_types: ['card'],
        payment_status: 'unpaid',
        status: 'open',
        subscription: null,
        success_url: textAt(form, 'success_url') ?? null,
        url: `${url}/pay/${id}`,
      };
      state.sessions[id] = session;
      state.checkouts[id] = { priceId: price.id, metadata: textsAt(form, 'subscription_data', 'metadata') };
      return session;
    },
    'GET /v1/checkout/sessions/:id': (_form, id) => find(state.sessions, id, 'checkout session'),
    'GET /v1/subscriptions': (form) => {
      const status = textAt(form, 'status');
      const customer = textAt(form, 'customer');
      const matching = Object.values(state.subscriptions).filter(
        (known) =>
          (customer === undefined || known.customer === customer) &&
          (status === 'all' || (status ? known.status === status : known.status !== 'canceled')),
      );
      return list('/v1/subscriptions', matching.reverse());
    },
    'GET /v1/subscriptions/:id': (_form, id) => find(state.subscriptions, id, 'subscription'),
    'POST /v1/subscriptions/:id': (form, id) => {
      const subscription = find(state.subscriptions, id, 'subscription');
      const priceId = textAt(form, 'items', '0', 'price');
      if (priceId) life.switchPrice(id, find(byId(STANDIN_PRICES), priceId, 'price').id);
      const cancel = textAt(form, 'cancel_at_period_end');
      if (cancel !== undefined) life.cancelAtPeriodEnd(id, cancel === 'true');
      return subscription;
    },
    'DELETE /v1/subscriptions/:id': (_form, id) => {
      const subscription = find(state.subscriptions, id, 'subscription');
      life.end(id);
      return subscription;
    },
    'POST /v1/billing_portal/sessions': (form) => {
      const customer = textAt(form, 'customer') ?? '';
      find(state.customers, customer, 'customer');
      const id = newId('bps');
      const confirm = textAt(form, 'flow_data', 'subscription_update_confirm', 'items', '0', 'price');
      const portal: PortalSession = {
        id,
        object: 'billing_portal.session',
        configuration: 'bpc_standin',
        created: now(),
        customer,
        flow: confirm
          ? {
              type: 'subscription_update_confirm',
              subscription_update_confirm: {
                subscription: textAt(form, 'flow_data', 'subscription_update_confirm', 'subscription') ?? '',
                discounts: null,
                items: [{ id: null, price: find(byId(STANDIN_PRICES), confirm, 'price').id, quantity: 1 }],
              },
              after_completion: {
                type: 'redirect',
                redirect: { return_url: textAt(form, 'flow_data', 'after_completion', 'redirect', 'return_url') ?? '' },
              },
            }
          : null,
        livemode: false,
        return_url: textAt(form, 'return_url') ?? null,
        url: `${url}/portal/${id}`,
      };
      state.portals[id] = portal;
      return portal;
    },
    'GET /v1/invoices': (form) => {
      const customer = textAt(form, 'customer');
      return list(
        '/v1/invoices',
        Object.values(state.invoices)
          .filter((known) => !customer || known.customer === customer)
          .reverse(),
      );
    },
    'GET /v1/invoices/:id': (_form, id) => find(state.invoices, id, 'invoice'),
    'GET /v1/events/:id': (_form, id) => find(state.events, id, 'event'),
  };

  function answerApi(request: http.IncomingMessage, target: URL, body: string): Answer {
    if (request.headers.authorization !== `Bearer ${secretKey}`) throw new ApiError(401, 'Invalid API Key provided.');
    apiVersion = String(request.headers['stripe-version'] ?? apiVersion);
    const [, v1, ...segments] = target.pathname.split('/');
    const exact = `${request.method} ${target.pathname}`;
    const withId = `${request.method} /${[v1, ...segments.slice(0, -1), ':id'].join('/')}`;
    const handler = api[exact] ?? api[withId];
    if (!handler) throw new ApiError(404, `Unrecognized request URL (${request.method}: ${target.pathname}).`);
    const form = parseForm(request.method === 'GET' ? target.search.slice(1) : body);
    const key = request.method === 'POST' ? request.headers['idempotency-key'] : undefined;
    const known = typeof key === 'string' ? state.answers[key] : undefined;
    if (known) return known;
    const answer = { status: 200, body: handler(form, segments.at(-1) ?? '') };
    if (typeof key === 'string') state.answers[key] = structuredClone(answer);
    return answer;
  }

  function answerPay(method: string, id: string, body: string): PageAnswer {
    const session = state.sessions[id];
    if (!session) return { status: 404, html: messagePage('Nothing to pay', 'There is no such checkout.') };
    if (session.status !== 'open') return { status: 200, html: messagePage('Paid', 'This checkout is complete.') };
    const price = priceOf(state.checkouts[id]?.priceId);
    if (method !== 'POST') return { status: 200, html: payPage(session, price) };
    const card = (textAt(parseForm(body), 'card') ?? '').replace(/\s/g, '');
    if (card === DECLINED) return { status: 402, html: payPage(session, price, 'The card was declined.') };
    if (!/^4242\d{12}$/.test(card)) {
      return { status: 400, html: payPage(session, price, 'Use the test card 4242 4242 4242 4242.') };
    }
    life.subscribe(session);
    return { location: (session.success_url ?? url).replaceAll('{CHECKOUT_SESSION_ID}', session.id) };
  }

  function answerPortal(method: string, id: string, body: string): PageAnswer {
    const portal = state.portals[id];
    if (!portal) return { status: 404, html: messagePage('Nothing here', 'There is no such page.') };
    const subscription = current(String(portal.customer));
    const wanted = portal.flow?.subscription_update_confirm?.items?.[0]?.price;
    if (method !== 'POST') {
      const page = wanted ? confirmPage(portal, priceOf(wanted)) : portalPage(portal, subscription, STANDIN_PRICES);
      return { status: 200, html: page };
    }
    const [action, priceId] = (textAt(parseForm(body), 'action') ?? '').split(':');
    if (subscription) {
      if (action === 'cancel') life.cancelAtPeriodEnd(subscription.id, true);
      if (action === 'resume') life.cancelAtPeriodEnd(subscription.id, false);
      if (action === 'end') life.end(subscription.id);
      if (action === 'switch') life.switchPrice(subscription.id, priceOf(priceId).id);
    }
    return { location: (wanted && portal.flow?.after_completion?.redirect?.return_url) || portal.return_url || url };
  }

  async function handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const target = new URL(request.url ?? '/', url);
    const body = await readText(request);
    const [, place = '', id = ''] = target.pathname.split('/');
    const method = request.method ?? 'GET';
    if (place === 'pay' || place === 'portal') {
      sendPage(response, place === 'pay' ? answerPay(method, id, body) : answerPortal(method, id, body));
      if (method === 'POST') await save();
      return;
    }
    try {
      const answer = answerApi(request, target, body);
      if (request.method !== 'GET') void save();
      json(response, answer.status, answer.body);
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      json(response, thrown.status, {
        error: { type: 'invalid_request_error', message: thrown.message, ...thrown.wire },
      });
    }
  }

  const server = http.createServer((request, response) => {
    handle(request, response).catch((thrown: unknown) => {
      if (response.headersSent) response.destroy();
      else json(response, 500, { error: { type: 'api_error', message: String(thrown) } });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    secretKey,
    webhookSecret,
    prices: {
      starter: { month: 'price_starter_month', year: 'price_starter_year' },
      pro: { month: 'price_pro_month', year: 'price_pro_year' },
      business: { month: 'price_business_month', year: 'price_business_year' },
    },
    deliverTo: events.deliverTo,
    repeat: events.repeat,
    events: () => Object.values(state.events).map(({ id, type }) => ({ id, type })),
    renew: life.renew,
    end: life.end,
    async close() {
      events.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await save();
    },
  };
}

function find<T>(records: Record<string, T>, id: string, what: string): T {
  const found = Object.hasOwn(records, id) ? records[id] : undefined;
  if (found) return found;
  throw new ApiError(404, `No such ${what}: '${id}'`, { code: 'resource_missing', param: 'id' });
}

function missing(param: string, message: string): ApiError {
  return new ApiError(400, message, { code: 'parameter_missing', param });
}

function byId<T extends { id: string }>(records: T[]): Record<string, T> {
  return Object.fromEntries(records.map((record) => [record.id, record]));
}

function list(at: string, data: object[]): object {
  return { object: 'list', data, has_more: false, url: at };
}

function json(response: http.ServerResponse, status: number, body: object): void {
  const headers = { 'content-type': 'application/json', 'request-id': newId('req') };
  response.writeHead(status, headers).end(JSON.stringify(body));
}

function sendPage(response: http.ServerResponse, answer: PageAnswer): void {
  if ('location' in answer) response.writeHead(303, { location: answer.location }).end();
  else {
    const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
    response.writeHead(answer.status, headers).end(answer.html);
  }
}

async function readText(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
