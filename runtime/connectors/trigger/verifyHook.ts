import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import { verifyToken } from './verifyToken.ts';
import type { HmacScheme, VerifyScheme, WebhookSecrets } from './webhookConfig.ts';

/** Names in lower case, as Node gives them. */
export type HookHeaders = Record<string, string | string[] | undefined>;

export type HookDelivery = {
  config: { verify: VerifyScheme; hmac?: HmacScheme; idHeader?: string };
  /** Of the connection that the trigger names; `{}` without one. */
  secrets: WebhookSecrets;
  headers: HookHeaders;
  /** Exactly what came over the wire. */
  rawBody: Uint8Array;
  nowMs: number;
};

/** How far a signed time may lie from ours, either way. */
const TOLERANCE_MS = 300_000;

const BUILT_IN: Partial<Record<VerifyScheme, HmacScheme>> = {
  github: {
    header: 'x-hub-signature-256',
    prefix: 'sha256=',
    algorithm: 'sha256',
    encoding: 'hex',
    format: '{body}',
    idHeader: 'x-github-delivery',
  },
  slack: {
    header: 'x-slack-signature',
    prefix: 'v0=',
    algorithm: 'sha256',
    encoding: 'hex',
    format: 'v0:{timestamp}:{body}',
    timestampHeader: 'x-slack-request-timestamp',
  },
  shopify: {
    header: 'x-shopify-hmac-sha256',
    prefix: '',
    algorithm: 'sha256',
    encoding: 'base64',
    format: '{body}',
    idHeader: 'x-shopify-webhook-id',
  },
  sluice: {
    header: 'sluice-signature',
    prefix: 'v1=',
    algorithm: 'sha256',
    encoding: 'hex',
    format: '{timestamp}.{body}',
    timestampHeader: 'sluice-timestamp',
    idHeader: 'sluice-id',
  },
};

/**
 * Decides whether a request comes from whom the webhook expects, and what names this delivery (formats.md 14). Without
 * a delivery id every request is new. Signatures are compared as bytes in constant time; a signed time may lie 300 s off.
 *
 * @throws SluiceError hook.signature_invalid, hook.stale, hook.body_invalid (the delivery id stands in a body that is
 *   no JSON), config.invalid (the connection lacks the secret: nothing can be let in)
 */
export async function verifyHook(delivery: HookDelivery): Promise<{ deliveryId?: string }> {
  const { config, headers } = delivery;
  switch (config.verify) {
    case 'none':
      break;
    case 'basic':
      checkBasic(delivery);
      break;
    case 'header':
      checkHeader(delivery);
      break;
    case 'jwt':
      await verifyToken(delivery);
      break;
    case 'stripe':
      checkStripe(delivery);
      return idOf(bodyField(delivery, 'id') ?? one(headers, config.idHeader));
    case 'slack':
      checkSignature(delivery, BUILT_IN.slack as HmacScheme);
      return idOf(bodyField(delivery, 'event_id') ?? one(headers, config.idHeader));
    default: {
      const scheme = config.verify === 'hmac' ? config.hmac : BUILT_IN[config.verify];
      if (!scheme)
        throw new SluiceError('config.invalid', 'The webhook checks a signature and does not say which.', {
          advice: 'Fill in its hmac part.',
        });
      checkSignature(delivery, scheme);
      return idOf(one(headers, scheme.idHeader) ?? one(headers, config.idHeader));
    }
  }
  return idOf(one(headers, config.idHeader));
}

/** The headers that carry a secret itself, so that they do not become part of an item. Lower case. */
export function secretHeaders({ config, secrets }: Pick<HookDelivery, 'config' | 'secrets'>): string[] {
  if (config.verify === 'basic' || config.verify === 'jwt') return ['authorization'];
  return config.verify === 'header' && secrets.header ? [secrets.header.toLowerCase()] : [];
}

function checkSignature(delivery: HookDelivery, scheme: HmacScheme): void {
  const { headers, nowMs } = delivery;
  const secrets = secretsOf(delivery);
  const time = one(headers, scheme.timestampHeader);
  const shown = one(headers, scheme.header);
  if (shown === undefined || !shown.startsWith(scheme.prefix))
    throw forged(`the header ${scheme.header} is missing or not as expected`);
  if (scheme.timestampHeader && time === undefined) throw forged(`the header ${scheme.timestampHeader} is missing`);
  const given = decode(shown.slice(scheme.prefix.length), scheme.encoding);
  const message = signedBytes(scheme.format, { timestamp: time, id: one(headers, scheme.idHeader) }, delivery.rawBody);
  const wanted = secrets.map((secret) => createHmac(scheme.algorithm, secret).update(message).digest());
  if (!given || !anyEqual([given], wanted)) throw forged('the signature does not match');
  // After the signature: whoever cannot sign learns nothing of our clock.
  if (time !== undefined) checkTime(time, nowMs);
}

/** `t=1492774577,v1=5257a8…,v1=…`: several `v1` while the sender changes its secret. */
function checkStripe(delivery: HookDelivery): void {
  const secrets = secretsOf(delivery);
  const parts = (one(delivery.headers, 'stripe-signature') ?? '').split(',').map((part) => part.trim().split('='));
  const time = parts.find(([name]) => name === 't')?.[1];
  const given = parts.flatMap(([name, value]) => (name === 'v1' && value ? (decode(value, 'hex') ?? []) : []));
  if (!time || given.length === 0 || given.length > 20)
    throw forged('the header Stripe-Signature is missing or not as expected');
  const message = signedBytes('{timestamp}.{body}', { timestamp: time }, delivery.rawBody);
  const wanted = secrets.map((secret) => createHmac('sha256', secret).update(message).digest());
  if (!anyEqual(given, wanted)) throw forged('the signature does not match');
  checkTime(time, delivery.nowMs);
}

function checkBasic(delivery: HookDelivery): void {
  const { username } = delivery.secrets;
  const passwords = secretsOf(delivery);
  const found = /^basic +([A-Za-z0-9+/=]+)$/i.exec(one(delivery.headers, 'authorization') ?? '');
  const given = Buffer.from(found?.[1] ?? '', 'base64');
  const wanted = passwords.map((password) => Buffer.from(`${username ?? ''}:${password}`));
  if (!found || !anyEqual([sha256(given)], wanted.map(sha256))) throw forged('user name or password is wrong');
}

function checkHeader(delivery: HookDelivery): void {
  const values = secretsOf(delivery);
  const { header } = delivery.secrets;
  if (!header)
    throw new SluiceError('config.invalid', 'The webhook’s connection does not name the header.', {
      advice: 'Fill in its header.',
    });
  const given = one(delivery.headers, header);
  if (given === undefined || !anyEqual([sha256(given)], values.map(sha256)))
    throw forged(`the header ${header} is missing or wrong`);
}

function signedBytes(format: string, fields: { timestamp?: string; id?: string }, body: Uint8Array): Uint8Array {
  const parts = format.split(/(\{timestamp\}|\{id\}|\{body\})/).map((part) => {
    if (part === '{body}') return body;
    if (part === '{timestamp}') return Buffer.from(fields.timestamp ?? '');
    return Buffer.from(part === '{id}' ? (fields.id ?? '') : part);
  });
  return Buffer.concat(parts);
}

function decode(text: string, encoding: 'hex' | 'base64'): Buffer | undefined {
  // Node skips over what it cannot read, which would let a signature be written in many ways.
  const grammar =
    encoding === 'hex' ? /^(?:[0-9a-f]{2})+$/i : /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return text.length <= 200 && text !== '' && grammar.test(text) ? Buffer.from(text, encoding) : undefined;
}

/** Whether one of the given is one of the wanted; every pair is looked at. */
function anyEqual(given: Uint8Array[], wanted: Uint8Array[]): boolean {
  let found = false;
  for (const a of given) for (const b of wanted) found = (a.length === b.length && timingSafeEqual(a, b)) || found;
  return found;
}

/** For texts of any length: digests are equally long, so the comparison tells nothing of theirs. */
function sha256(value: string | Uint8Array): Buffer {
  return createHash('sha256').update(value).digest();
}

function checkTime(text: string, nowMs: number): void {
  if (!/^\d{1,15}$/.test(text)) throw forged('the time is not a number');
  const value = Number(text);
  // Seconds until the year 5138, milliseconds above.
  const at = value > 100_000_000_000 ? value : value * 1000;
  if (Math.abs(nowMs - at) <= TOLERANCE_MS) return;
  throw new SluiceError('hook.stale', 'The request was signed more than five minutes from now and is refused.', {
    advice: 'Send it again with a fresh time and signature, and look at the clocks.',
  });
}

function secretsOf({ secrets }: HookDelivery): string[] {
  const all = [secrets.secret, secrets.oldSecret].filter(
    (secret): secret is string => typeof secret === 'string' && secret !== '',
  );
  if (all.length > 0) return all;
  throw new SluiceError('config.invalid', 'The webhook checks its sender and its connection has no secret.', {
    advice: 'Open the connection and fill in the secret.',
  });
}

function bodyField({ rawBody, headers }: HookDelivery, name: string): string | undefined {
  const type = one(headers, 'content-type') ?? '';
  // Slack sends commands as forms, which carry no such id.
  if (type.startsWith('application/x-www-form-urlencoded')) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(rawBody));
  } catch (cause) {
    throw new SluiceError('hook.body_invalid', 'The body is not the JSON that this sender sends.', { cause });
  }
  const value =
    typeof body === 'object' && body !== null && Object.hasOwn(body, name)
      ? (body as Record<string, unknown>)[name]
      : undefined;
  return typeof value === 'string' ? value : undefined;
}

function idOf(id: string | undefined): { deliveryId?: string } {
  return id !== undefined && id !== '' && id.length <= 500 ? { deliveryId: id } : {};
}

/** A header's value; one that came more than once is no value, for nobody knows which was meant. */
function one(headers: HookHeaders, name: string | undefined): string | undefined {
  const value = name === undefined ? undefined : headers[name.toLowerCase()];
  return Array.isArray(value) ? (value.length === 1 ? value[0] : undefined) : value;
}

function forged(why: string): SluiceError {
  return new SluiceError('hook.signature_invalid', `The sender could not be confirmed: ${why}.`, {
    advice: 'Compare the secret of the sender with that of the webhook’s connection.',
  });
}
