import { createHash, timingSafeEqual } from 'node:crypto';
import { createLocalJWKSet, errors, importSPKI, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type JsonObject } from '#shared/json.ts';
import { route as caller, type RouteSecrets } from './routeCaller.ts';
import type { HookHeaders } from './verifyHook.ts';

export type RouteAuth = 'none' | 'api_key' | 'jwt';
type Call = { secrets: RouteSecrets; headers: HookHeaders; nowMs: number };

const LEAST_KEY = 16;
const LEAST_SECRET = 32;
/** How far the clock of who made a token may lie from ours. */
const TOLERANCE_S = 30;

/**
 * Decides whether a caller may call a route, and says who it is: `{ name }` of its key, or what its token claims; null
 * where everybody may.
 *
 * @throws SluiceError route.unauthenticated, hook.unavailable (the connection lacks what callers are checked with)
 */
export async function checkCaller(auth: RouteAuth, call: Call): Promise<JsonObject | null> {
  if (auth === 'none') return null;
  return auth === 'api_key' ? checkKey(call) : await checkToken(call);
}

/**
 * What a route checks its callers with, of the connection that it names. `secret` undefined: there is none.
 *
 * @throws SluiceError hook.unavailable
 */
export function callerSecrets(
  {
    config: { auth },
    connection,
    stepId,
  }: { config: { auth: RouteAuth }; connection: string | undefined; stepId: string },
  secret: unknown,
): RouteSecrets {
  const parsed = caller.connection.safeParse(auth === 'none' ? {} : secret);
  if (parsed.success) return parsed.data;
  const what = connection === undefined ? 'it names no connection' : `its connection ${connection} is not set up`;
  throw new SluiceError('hook.unavailable', `The route ${stepId} cannot check its callers: ${what}.`, {
    advice: 'Choose a connection of the kind route, and set it up.',
  });
}

function checkKey({ secrets, headers }: Call): JsonObject {
  const keys = (secrets.keys ?? '').split(/\r?\n/).flatMap((line) => {
    const [, name = '', key = ''] = /^(?:\s*([^:\s]{1,100})\s*:\s)?\s*(.*?)\s*$/.exec(line) ?? [];
    return key === '' ? [] : [{ name, key }];
  });
  if (keys.length === 0) throw unavailable('has no API keys');
  if (keys.some(({ key }) => key.length < LEAST_KEY))
    throw unavailable(`has a key of less than ${LEAST_KEY} characters`);
  const given = headers[secrets.header.toLowerCase()];
  const digest = sha256(typeof given === 'string' ? given : '');
  let found: JsonObject | undefined;
  // Each is looked at, so that the time tells nothing of which it is.
  for (const { name, key } of keys) if (timingSafeEqual(sha256(key), digest)) found = { name: name || null };
  if (found) return found;
  throw refused(given === undefined ? 'there is no API key' : 'the API key does not hold', 'ApiKey', {
    advice: `Send a key in the header ${secrets.header}.`,
  });
}

async function checkToken({ secrets, headers, nowMs }: Call): Promise<JsonObject> {
  const { authorization } = headers;
  const token = typeof authorization === 'string' ? /^bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization)?.[1] : undefined;
  const verify = await keptVerifier(secrets);
  const advice = 'Send a token that holds in the header Authorization, after Bearer.';
  if (token === undefined) throw refused('there is no bearer token', 'Bearer', { advice });
  const { issuer, audience, algorithm } = secrets;
  try {
    const payload = await verify(token, {
      algorithms: [algorithm],
      issuer,
      audience,
      requiredClaims: ['exp'],
      clockTolerance: TOLERANCE_S,
      currentDate: new Date(nowMs),
    });
    return payload as JsonObject;
  } catch (cause) {
    if (!(cause instanceof errors.JOSEError)) throw cause;
    const why = cause instanceof errors.JWTExpired ? 'the token has expired' : 'the token does not hold';
    throw refused(why, 'Bearer error="invalid_token"', { advice, cause });
  }
}

/** Keys that were read, since reading one takes longer than checking a token with it. */
const verifiers = new Map<string, Promise<Verifier>>();
const MOST_VERIFIERS = 500;

function keptVerifier(secrets: RouteSecrets): Promise<Verifier> {
  const name = sha256(`${secrets.algorithm}\n${secrets.tokenKey ?? ''}`).toString('base64');
  const known = verifiers.get(name);
  if (known) return known;
  if (verifiers.size >= MOST_VERIFIERS) verifiers.clear();
  const made = verifierOf(secrets);
  verifiers.set(name, made);
  made.catch(() => verifiers.delete(name));
  return made;
}

type Verifier = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

/** @throws SluiceError hook.unavailable */
async function verifierOf({ tokenKey = '', algorithm }: RouteSecrets): Promise<Verifier> {
  const text = tokenKey.trim();
  if (text === '') throw unavailable('has no key for tokens');
  if (algorithm.startsWith('HS')) {
    // A public key is known to everybody: as a shared secret it would let in whoever can read it.
    if (text.length < LEAST_SECRET || text.startsWith('-----BEGIN') || text.startsWith('{'))
      throw unavailable(`needs a shared secret of at least ${LEAST_SECRET} characters for ${algorithm}`);
    const key = new TextEncoder().encode(text);
    return async (token, options) => (await jwtVerify(token, key, options)).payload;
  }
  try {
    if (!text.startsWith('{')) {
      const key = await importSPKI(text, algorithm);
      return async (token, options) => (await jwtVerify(token, key, options)).payload;
    }
    const set: unknown = JSON.parse(text);
    if (!isJsonObject(set)) throw new TypeError('not a set of keys');
    const keys = createLocalJWKSet(set as unknown as Parameters<typeof createLocalJWKSet>[0]);
    return async (token, options) => (await jwtVerify(token, keys, options)).payload;
  } catch (cause) {
    throw unavailable(`has a key that is none for ${algorithm}`, cause);
  }
}

/** Digests are equally long, so that the comparison tells nothing of the length of a key. */
function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refused(why: string, challenge: string, more: { advice: string; cause?: unknown }): SluiceError {
  return new SluiceError('route.unauthenticated', `The caller could not be confirmed: ${why}.`, {
    ...more,
    details: { challenge },
  });
}

function unavailable(why: string, cause?: unknown): SluiceError {
  return new SluiceError('hook.unavailable', `The route cannot check its callers: its connection ${why}.`, {
    advice: 'Open the connection and fill it in.',
    cause,
  });
}
