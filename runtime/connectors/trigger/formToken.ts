import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { HookHeaders } from './verifyHook.ts';

/** How long a page may lie open before it is sent. */
const GOOD_MS = 24 * 3_600_000;
const COOKIE = 'sluice-form';
const RANDOM = /^[A-Za-z0-9_-]{22}$/;

type Place = { key: Uint8Array; place: string; headers: HookHeaders; nowMs: number };

/**
 * A token for one page of a form: only the browser that was shown the page can send it, since the token is bound to a
 * cookie that no other site can read or set. `id` names what will be sent, so that sending it twice is once.
 */
export function issueToken({ key, place, headers, nowMs }: Place): { token: string; browser: string } {
  const browser = browsersOf(headers)[0] ?? randomText();
  const id = randomText();
  const time = nowMs.toString(36);
  return { token: [id, time, mac(key, [place, browser, id, time])].join('.'), browser };
}

/** The cookie's line for a browser. Kept only while the browser is open, and for this form. */
export function cookieOf(browser: string, path: string, isSecure: boolean): string {
  return `${COOKIE}=${browser}; Path=${path}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}

/** What was sent is named by its id; undefined where it was not sent from the page that was shown, or too late. */
export function checkToken(token: string, { key, place, headers, nowMs }: Place): string | undefined {
  if (isFromElsewhere(headers)) return undefined;
  const [id = '', time = '', given = '', ...more] = token.split('.');
  if (more.length > 0 || !RANDOM.test(id) || !/^[0-9a-z]{1,12}$/.test(time)) return undefined;
  const age = nowMs - Number.parseInt(time, 36);
  if (age < 0 || age > GOOD_MS) return undefined;
  const isOurs = browsersOf(headers).some((browser) => isEqual(given, mac(key, [place, browser, id, time])));
  return isOurs ? id : undefined;
}

/** What a browser says of where a request comes from. One that says nothing is known by its cookie alone. */
function isFromElsewhere({ 'sec-fetch-site': site, origin, host }: HookHeaders): boolean {
  if (typeof site === 'string') return site !== 'same-origin' && site !== 'none';
  if (typeof origin !== 'string' || origin === 'null') return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

function browsersOf({ cookie }: HookHeaders): string[] {
  const pairs = (typeof cookie === 'string' ? cookie : '').split(';').map((pair) => pair.trim().split('='));
  return pairs.flatMap(([name, value = '']) => (name === COOKIE && RANDOM.test(value) ? [value] : [])).slice(0, 10);
}

function mac(key: Uint8Array, parts: readonly string[]): string {
  return createHmac('sha256', key).update(parts.join('\n')).digest('base64url');
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const randomText = () => randomBytes(16).toString('base64url');
