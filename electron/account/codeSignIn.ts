import { setTimeout as sleep } from 'node:timers/promises';
import type { Tokens } from '#shared/contract/cloud/auth.ts';
import { SluiceError } from '#shared/error.ts';
import type { CloudClient } from './cloudClient.ts';

export type CodeSignIn = {
  /** Where the person enters the code. */
  url: string;
  userCode: string;
  /** @throws SluiceError sign_in.failed where it was refused, cancelled, or nobody decided in time */
  tokens: Promise<Tokens>;
  cancel(): void;
};

/** A sign-in without a browser of our own (RFC 8628): asks, as often as the control plane wants to be asked, whether it is allowed. */
export async function beginCodeSignIn({
  cloud,
  deviceName,
}: {
  cloud: Pick<CloudClient, 'auth'>;
  deviceName: string;
}): Promise<CodeSignIn> {
  const asked = await cloud.auth.authorizeDevice({ deviceName });
  const { deviceCode, userCode, verificationUri, expiresIn, interval } = asked;
  const stop = new AbortController();
  const until = Date.now() + expiresIn * 1_000;

  async function poll(): Promise<Tokens> {
    for (let seconds = interval; Date.now() < until; ) {
      await sleep(seconds * 1_000, undefined, { signal: stop.signal }).catch(() => {
        throw failed('The sign-in was cancelled.');
      });
      try {
        return await cloud.auth.token({ grantType: 'device_code', deviceCode });
      } catch (thrown) {
        const { code, details } = SluiceError.from(thrown);
        // Nobody answering is no refusal: it may be back before the code ends.
        if (code !== 'sign_in.pending' && code !== 'cloud.unreachable' && code !== 'rate.exceeded') throw thrown;
        seconds = Math.max(interval, Number(details?.retryAfterSeconds) || 0);
      }
    }
    throw failed('Nobody entered the code in time.');
  }

  const tokens = poll();
  // Whoever started it may not look at it before it is over.
  tokens.catch(() => undefined);
  return { url: verificationUri, userCode, tokens, cancel: () => stop.abort() };
}

function failed(message: string): SluiceError {
  return new SluiceError('sign_in.failed', message, { advice: 'Start the sign-in again.' });
}
