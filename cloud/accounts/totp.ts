import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { hashToken } from '../platform/tokens.ts';

const STEP_SECONDS = 30;
/** A clock may be wrong by this many steps, either way. */
const WINDOW = 1;
const CODES = 10;
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';

export function newSecret(): Uint8Array {
  return randomBytes(20);
}

/** @returns the secret for typing, and as what authenticator apps read */
export function forApp(secret: Uint8Array, email: string): { secret: string; uri: string } {
  const shared = secretOf(secret);
  const totp = new TOTP({ issuer: 'Sluice', label: email, secret: shared, period: STEP_SECONDS });
  return { secret: shared.base32, uri: totp.toString() };
}

/** @returns the time step that this code belongs to, undefined where it is not one of those around `now` */
export function stepOf(secret: Uint8Array, code: string, now: Date): number | undefined {
  const timestamp = now.getTime();
  const delta = TOTP.validate({
    token: code,
    secret: secretOf(secret),
    period: STEP_SECONDS,
    timestamp,
    window: WINDOW,
  });
  return delta === null ? undefined : TOTP.counter({ period: STEP_SECONDS, timestamp }) + delta;
}

/** Ten codes of 79 random bits, as four groups of four. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: CODES }, () =>
    Array.from({ length: 4 }, () => Array.from({ length: 4 }, letter).join('')).join('-'),
  );
}

/** What is stored of a recovery code, however it was typed. */
export function hashRecoveryCode(code: string): string {
  return hashToken(`recovery ${code.toLowerCase().replace(/[^a-z0-9]/g, '')}`);
}

/** Six digits, perhaps in groups; everything else is taken for a recovery code. */
export function digitsOf(code: string): string | undefined {
  const plain = code.replace(/\s/g, '');
  return /^\d{6}$/.test(plain) ? plain : undefined;
}

function letter(): string {
  for (;;) {
    // Cut where the alphabet would begin anew, so that no letter is likelier than another.
    const [byte = 255] = randomBytes(1);
    if (byte < 256 - (256 % LETTERS.length)) return LETTERS.charAt(byte % LETTERS.length);
  }
}

function secretOf(bytes: Uint8Array): Secret {
  return new Secret({ buffer: new Uint8Array(bytes).buffer });
}
