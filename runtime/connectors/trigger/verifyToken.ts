import { errors, importSPKI, jwtVerify } from 'jose';
import { SluiceError } from '#shared/error.ts';
import type { HookDelivery } from './verifyHook.ts';

/**
 * Checks `Authorization: Bearer <JWT>` with the connection's key. Only the connection's algorithm counts, whatever the
 * token says, and a token without an end is refused.
 *
 * @throws SluiceError hook.signature_invalid, hook.stale (expired or not yet valid), config.invalid
 */
export async function verifyToken({ secrets, headers, nowMs }: HookDelivery): Promise<void> {
  const { algorithm = 'HS256', issuer, audience } = secrets;
  const keys = [secrets.secret, secrets.oldSecret].filter(
    (key): key is string => typeof key === 'string' && key !== '',
  );
  if (keys.length === 0) {
    throw new SluiceError('config.invalid', 'The webhook checks tokens and its connection has no key.', {
      advice: 'Open the connection and fill in the secret.',
    });
  }
  const { authorization } = headers;
  const found = typeof authorization === 'string' ? /^bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization) : null;
  let failure = refused('there is no bearer token');
  for (const text of found ? keys : []) {
    const key = await keyOf(text, algorithm);
    try {
      const token = found?.[1] as string;
      await jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer,
        audience,
        requiredClaims: ['exp'],
        currentDate: new Date(nowMs),
      });
      return;
    } catch (thrown) {
      if (isStale(thrown))
        failure = new SluiceError('hook.stale', 'The token is no longer, or not yet, valid.', { cause: thrown });
      // Another key's word on time counts more than that this one does not fit.
      else if (failure.code !== 'hook.stale')
        failure = refused(thrown instanceof Error ? thrown.message : 'it cannot be read', thrown);
    }
  }
  throw failure;
}

function isStale(thrown: unknown): boolean {
  return (
    thrown instanceof errors.JWTExpired ||
    (thrown instanceof errors.JWTClaimValidationFailed && thrown.claim === 'nbf' && thrown.reason === 'check_failed')
  );
}

async function keyOf(text: string, algorithm: string) {
  if (algorithm.startsWith('HS')) return new TextEncoder().encode(text);
  try {
    return await importSPKI(text, algorithm);
  } catch (cause) {
    throw new SluiceError('config.invalid', `The key of the webhook’s connection is no public key for ${algorithm}.`, {
      cause,
      advice: 'Paste it in PEM, beginning with -----BEGIN PUBLIC KEY-----.',
    });
  }
}

function refused(why: string, cause?: unknown): SluiceError {
  return new SluiceError('hook.signature_invalid', `The sender could not be confirmed: ${why}.`, {
    cause,
    advice: 'Compare the sender’s key, issuer and audience with those of the webhook’s connection.',
  });
}
