import { randomInt } from 'node:crypto';
import type { DeviceAuthorization, Tokens } from '#shared/contract/cloud/auth.ts';
import { SluiceError } from '#shared/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import type { Caller, SignedIn } from '../server/actor.ts';
import { recordAccountEvent } from './accountStore.ts';
import type { AttemptName, Attempts } from './attempts.ts';
import * as store from './deviceFlowStore.ts';
import type { SessionService } from './sessionService.ts';

export type DeviceFlowDeps = {
  db: Database;
  clock: Clock;
  publicUrl: string;
  sessions: SessionService;
  attempts: Attempts;
};

/** What a person is asked about: who wants in, and from where. */
export type WaitingDevice = { code: string; name: string; ip: string; userAgent: string; askedAt: Date };

export type DeviceFlow = {
  start(deviceName: string, caller: Caller): Promise<DeviceAuthorization>;
  /**
   * Trades a device code for tokens, once somebody has allowed it.
   *
   * @throws SluiceError sign_in.pending with `retryAfterSeconds`, sign_in.failed where it was refused, token.invalid
   */
  redeem(deviceCode: string, caller: Caller): Promise<Tokens>;
  /** What waits behind a code that a person typed. @throws SluiceError token.invalid, rate.exceeded after five wrong ones */
  find(code: string, session: SignedIn): Promise<WaitingDevice>;
  /** @throws SluiceError token.invalid where it no longer waits */
  decide(code: string, allowed: boolean, session: SignedIn, caller: Caller): Promise<void>;
};

const LIFE_MS = 10 * 60_000;
const POLL_SECONDS = 5;
/** Without vowels, so that no words come about, and without what looks like something else. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const WRONG_CODES = 5;
const CLOSED_SECONDS = 15 * 60;

/** Signs a program in that has no browser (RFC 8628): it shows a short code, which a person enters where they have one. */
export function createDeviceFlow({ db, clock, publicUrl, sessions, attempts }: DeviceFlowDeps): DeviceFlow {
  const wrong = (userId: string): AttemptName => ['user code', userId];

  /** What waits behind a code. Whoever types too many that are none finds nothing for a while, wherever they type them. */
  const look = (code: string, userId: string) =>
    attempts.inTurn(wrong(userId), async () => {
      const [state] = await attempts.of(wrong(userId));
      if (state && state.tries >= WRONG_CODES) throw closed(state.leftMs);
      const plain = readUserCode(code);
      const found = plain && (await db.withoutTenant((tx) => store.findByUserCode(tx, hashToken(plain), clock.now())));
      if (plain && found) return { plain, found };
      await attempts.add(wrong(userId), CLOSED_SECONDS);
      throw notGood();
    });

  return {
    async start(deviceName, { ip, userAgent }) {
      const deviceCode = newToken('sldc');
      const userCode = newUserCode();
      const now = clock.now();
      await db.withoutTenant((tx) =>
        store.insertAuthorization(tx, now, {
          deviceCodeHash: hashToken(deviceCode),
          userCodeHash: hashToken(userCode),
          deviceName: deviceName || 'Command line',
          ip,
          userAgent,
          pollSeconds: POLL_SECONDS,
          expiresAt: new Date(now.getTime() + LIFE_MS),
        }),
      );
      // Without an address that holds the code: whoever follows a link somebody sent would not have to look at it.
      return {
        deviceCode,
        userCode,
        verificationUri: `${publicUrl}/device`,
        expiresIn: LIFE_MS / 1_000,
        interval: POLL_SECONDS,
      };
    },

    async redeem(deviceCode, caller) {
      const now = clock.now();
      const found = await db.withoutTenant((tx) => store.findByDeviceCode(tx, hashToken(deviceCode)));
      if (!found || found.usedAt || found.expiresAt <= now) throw notGood();
      const early = found.lastPolledAt && now.getTime() - found.lastPolledAt.getTime() < found.pollSeconds * 1_000;
      const pollSeconds = early ? found.pollSeconds + POLL_SECONDS : found.pollSeconds;
      await db.withoutTenant((tx) => store.notePoll(tx, found.id, now, pollSeconds));
      if (early || found.approved === null) throw pending(pollSeconds);
      if (!found.approved || !found.userId) {
        throw new SluiceError('sign_in.failed', 'The sign-in was refused in the browser.', {
          advice: 'Start it again, and allow it there.',
        });
      }
      // In one transaction with the sign-in: whoever ends all sign-ins meanwhile ends this one too.
      const still = (tx: Tx) => store.useAuthorization(tx, found.id, now);
      const tokens = await sessions.signInDeviceIf(still, found.userId, found.deviceName, caller);
      if (!tokens) throw notGood();
      return tokens;
    },

    async find(code, { userId }) {
      const { plain, found } = await look(code, userId);
      const { deviceName: name, ip, userAgent, createdAt: askedAt } = found;
      return { code: plain, name, ip, userAgent, askedAt };
    },

    async decide(code, allowed, { userId }, { ip, userAgent }) {
      const now = clock.now();
      const { found } = await look(code, userId);
      const decided = await db.withUser(userId, async (tx) => {
        if (!(await store.decide(tx, found.id, userId, allowed, now))) return false;
        const action = allowed ? 'auth.device_allow' : 'auth.device_deny';
        const metadata = { device: found.deviceName, from: found.ip };
        await recordAccountEvent(tx, userId, { action, metadata, ip, userAgent }, now);
        return true;
      });
      if (!decided) throw notGood();
    },
  };
}

/** Eight letters in two groups: 34 bits, for ten minutes. */
function newUserCode(): string {
  const letters = Array.from({ length: 8 }, () => LETTERS.charAt(randomInt(LETTERS.length))).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** A code as somebody typed it. @returns undefined where it cannot be one */
function readUserCode(text: string): string | undefined {
  const letters = text.toUpperCase().replace(/[^A-Z]/g, '');
  return letters.length === 8 ? `${letters.slice(0, 4)}-${letters.slice(4)}` : undefined;
}

function pending(seconds: number): SluiceError {
  return new SluiceError('sign_in.pending', 'Nobody has entered the code yet.', {
    advice: `Ask again in ${seconds} s.`,
    details: { retryAfterSeconds: seconds },
  });
}

function notGood(): SluiceError {
  return new SluiceError('token.invalid', 'This code is not known, was used, or is older than ten minutes.', {
    advice: 'Look whether it is the one that the program shows, or start the sign-in there again.',
  });
}

function closed(waitMs: number): SluiceError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new SluiceError('rate.exceeded', 'Too many wrong codes.', {
    advice: `Wait ${Math.ceil(retryAfterSeconds / 60)} minutes and try again.`,
    details: { retryAfterSeconds },
  });
}
