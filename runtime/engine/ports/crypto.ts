import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import type { KeyOperation, SignAlgorithm } from '../../connectors/stepType.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Does one operation with the key of a connection of the kind `crypto`. What `encrypt` gives is nonce (12 bytes), cipher
 * text and tag (16 bytes) of AES-256-GCM, one after the other.
 *
 * @throws SluiceError config.invalid (no key, or one that does not suit), data.invalid (cannot be decrypted)
 */
export function keyOperation(secret: JsonObject, operation: KeyOperation): Uint8Array {
  const { data } = operation;
  switch (operation.op) {
    case 'hmac':
      return createHmac(operation.algorithm, textKey(secret)).update(data).digest();
    case 'sign':
      if (operation.algorithm === 'hmac-sha256') return createHmac('sha256', textKey(secret)).update(data).digest();
      return sign(digestOf(operation.algorithm), data, suited(privateKey(secret), operation.algorithm));
    case 'verify':
      return Uint8Array.of(holds(secret, operation) ? 1 : 0);
    case 'encrypt': {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', aesKey(secret), nonce);
      return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()]);
    }
    case 'decrypt':
      return decrypt(aesKey(secret), data);
  }
}

function holds(
  secret: JsonObject,
  { algorithm, data, signature }: { algorithm: SignAlgorithm; data: Uint8Array; signature: Uint8Array },
): boolean {
  if (algorithm === 'hmac-sha256') {
    const wanted = createHmac('sha256', textKey(secret)).update(data).digest();
    return wanted.length === signature.length && timingSafeEqual(wanted, signature);
  }
  return verify(digestOf(algorithm), data, suited(publicKey(secret), algorithm), signature);
}

function decrypt(key: Uint8Array, data: Uint8Array): Uint8Array {
  try {
    if (data.length < NONCE_BYTES + TAG_BYTES) throw new RangeError('too short');
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(data.subarray(data.length - TAG_BYTES));
    return Buffer.concat([decipher.update(data.subarray(NONCE_BYTES, data.length - TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new SluiceError('data.invalid', 'This cannot be decrypted with the key of the connection.', {
      advice: 'It was changed on the way, was encrypted with another key, or is not what the encrypt action gave.',
      cause,
    });
  }
}

const digestOf = (algorithm: SignAlgorithm) => (algorithm === 'ed25519' ? null : 'sha256');

function textKey(secret: JsonObject): string {
  const { key } = secret;
  if (typeof key === 'string' && key !== '') return key;
  throw lacking('key');
}

/** 32 bytes, written as 64 hex digits or in Base64. */
function aesKey(secret: JsonObject): Uint8Array {
  const text = textKey(secret).trim();
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (bytes.length === 32) return bytes;
  throw new SluiceError('config.invalid', `The key of the connection has ${bytes.length} bytes; encryption takes 32.`, {
    advice: 'Make 32 random bytes, in Base64 or hex, and put them into the connection. A password is not a key.',
  });
}

function privateKey(secret: JsonObject): KeyObject {
  const { privateKey: pem } = secret;
  if (typeof pem !== 'string' || pem === '') throw lacking('private key');
  return readKey('private key', () => createPrivateKey(pem));
}

/** The public key of the connection, else the one that belongs to its private key. */
function publicKey(secret: JsonObject): KeyObject {
  const { publicKey: pem } = secret;
  if (typeof pem === 'string' && pem !== '') return readKey('public key', () => createPublicKey(pem));
  return createPublicKey(privateKey(secret));
}

function readKey(what: string, read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch {
    // What the library says may hold a part of the key.
    throw new SluiceError('config.invalid', `The ${what} of the connection cannot be read.`, {
      advice: 'Paste it as PEM text, from -----BEGIN to -----END, without a password.',
    });
  }
}

const LEAST_RSA_BITS = 2_048;

function suited(key: KeyObject, algorithm: SignAlgorithm): KeyObject {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const fits =
    algorithm === 'rsa-sha256'
      ? type === 'rsa' && (details?.modulusLength ?? 0) >= LEAST_RSA_BITS
      : algorithm === 'ecdsa-p256'
        ? type === 'ec' && details?.namedCurve === 'prime256v1'
        : type === 'ed25519';
  if (fits) return key;
  throw new SluiceError(
    'config.invalid',
    `The key of the connection is of the kind ${type}, which ${algorithm} does not take.`,
    {
      advice: 'Choose the algorithm of the key: RSA of at least 2048 bits, the curve P-256, or Ed25519.',
    },
  );
}

function lacking(what: string): SluiceError {
  return new SluiceError('config.invalid', `The connection has no ${what}.`, {
    advice: `Open the connection and fill in the ${what}.`,
  });
}
