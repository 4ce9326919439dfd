import { createHash } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { z } from 'zod';

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES = 256 * 1024;
const NO_BODY = new Set([101, 204, 205, 304]);

/** Fetches in a bounded time, follows no redirect, and reads no more than an answer of a provider may be long. */
async function boundedFetch(url: string, options: RequestInit): Promise<Response> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(url, { ...options, redirect: 'manual', signal });
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.body ?? []) {
    length += part.length;
    if (length > ANSWER_BYTES) throw new Error(`The answer of ${new URL(url).host} is too long.`);
    parts.push(part);
  }
  const body = NO_BODY.has(answer.status) ? null : Buffer.concat(parts);
  return new Response(body, { status: answer.status, headers: answer.headers });
}

/** Options of every request to a provider. Without TLS only where it runs on this computer. */
export function requestOptions(providerUrl: string) {
  const { protocol, hostname } = new URL(providerUrl);
  const local = protocol === 'http:' && hostname === '127.0.0.1';
  return {
    [oauth.customFetch]: (url: string, options: unknown) => boundedFetch(url, options as RequestInit),
    [oauth.allowInsecureRequests]: local,
    headers: { 'user-agent': 'Sluice' },
  };
}

/** The challenge of a verifier (RFC 7636, S256). */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

/** A code once, and no parameter twice: nobody may say two things at once. */
export function requireOneOfEach(answer: URLSearchParams): void {
  const twice = [...answer.keys()].find((name) => answer.getAll(name).length > 1);
  if (twice !== undefined) throw new Error(`The answer names ${twice} twice.`);
}

/** An address as we store it, undefined where it is none. */
export function plainEmail(email: unknown): string | undefined {
  const read = z.string().trim().toLowerCase().pipe(z.email().max(254)).safeParse(email);
  return read.success ? read.data : undefined;
}

/** A name that fits ours, from the first of these that is one. */
export function plainName(...names: unknown[]): string {
  for (const name of names) {
    if (typeof name !== 'string') continue;
    const plain = name.replace(/\s+/g, ' ').trim().slice(0, 120);
    if (plain) return plain;
  }
  return 'Somebody';
}
