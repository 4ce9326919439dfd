import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { AnyJson, FieldName, FileKey, PassedOn } from '../fields.ts';
import { type Call, defineStepType, type KeyOperation, type SignAlgorithm } from '../stepType.ts';
import { crypto as keys } from './cryptoConnector.ts';
import { fileOf } from './eachItem.ts';

const HASHES = ['sha256', 'sha384', 'sha512', 'sha3-256', 'sha1', 'md5'] as const;
const SIGNS = ['hmac-sha256', 'rsa-sha256', 'ecdsa-p256', 'ed25519'] as const satisfies SignAlgorithm[];
const ENCODINGS = ['hex', 'base64', 'base64url'] as const;
const ON_DATA = ['hash', 'hmac', 'sign', 'verify', 'encrypt', 'decrypt'];
const MOST_TEXT = 10_000_000;

const Config = z.strictObject({
  action: z
    .enum(['hash', 'hmac', 'sign', 'verify', 'encrypt', 'decrypt', 'random'])
    .default('hash')
    .meta({
      title: 'What to do',
      labels: { hmac: 'HMAC (needs a connection)', sign: 'Sign (needs a connection)', verify: 'Check a signature' },
      expression: false,
      order: 1,
    }),
  value: AnyJson.optional().meta({
    title: 'Text',
    help: 'Other values are taken as their JSON text.',
    placeholder: '={{ $json.body }}',
    widget: 'expression',
    showWhen: { action: ON_DATA },
    order: 2,
  }),
  file: FileKey.optional().meta({
    title: 'Or a file of the item',
    help: 'Its name in the item.',
    placeholder: 'attachment',
    expression: false,
    showWhen: { action: ['hash', 'hmac', 'sign', 'verify', 'encrypt'] },
    order: 3,
  }),
  hash: z
    .enum(HASHES)
    .default('sha256')
    .meta({
      title: 'Hash',
      help: 'MD5 and SHA-1 are only for services that want them: they protect nothing.',
      labels: { 'sha3-256': 'SHA3-256', md5: 'MD5' },
      expression: false,
      showWhen: { action: 'hash' },
      order: 4,
    }),
  hmac: z
    .enum(['sha256', 'sha384', 'sha512', 'sha1'])
    .default('sha256')
    .meta({ title: 'Hash', expression: false, showWhen: { action: 'hmac' }, order: 5 }),
  algorithm: z
    .enum(SIGNS)
    .default('rsa-sha256')
    .meta({
      title: 'Signature',
      help: 'That of a P-256 key is in DER form.',
      labels: {
        'hmac-sha256': 'HMAC-SHA256',
        'rsa-sha256': 'RSA-SHA256',
        'ecdsa-p256': 'ECDSA P-256',
        ed25519: 'Ed25519',
      },
      expression: false,
      showWhen: { action: ['sign', 'verify'] },
      order: 6,
    }),
  signature: z
    .string()
    .max(20_000)
    .default('')
    .meta({ title: 'The signature to check', needed: true, showWhen: { action: 'verify' }, order: 7 }),
  encoding: z
    .enum(ENCODINGS)
    .default('hex')
    .meta({
      title: 'Bytes are written in',
      help: 'The result, and the signature or text that is checked or decrypted.',
      labels: { base64: 'Base64', base64url: 'Base64 for addresses' },
      expression: false,
      order: 8,
    }),
  make: z
    .enum(['bytes', 'password', 'uuid', 'number'])
    .default('bytes')
    .meta({
      title: 'Make',
      help: 'Bytes and passwords cannot be foreseen; number and UUID only differ from run to run.',
      labels: { uuid: 'UUID' },
      expression: false,
      showWhen: { action: 'random' },
      order: 9,
    }),
  length: z
    .int()
    .min(1)
    .max(4_096)
    .default(32)
    .meta({
      title: 'How long',
      help: 'In bytes, or characters of a password.',
      showWhen: { make: ['bytes', 'password'], action: 'random' },
      order: 10,
    }),
  min: z
    .int()
    .default(0)
    .meta({ title: 'From', showWhen: { make: 'number', action: 'random' }, order: 11 }),
  max: z
    .int()
    .default(100)
    .meta({ title: 'To', showWhen: { make: 'number', action: 'random' }, order: 12 }),
  as: FieldName.default('result').meta({ title: 'Put it into the field', expression: false, order: 13 }),
});
type Config = z.infer<typeof Config>;

export const crypto = defineStepType({
  version: 1,
  type: 'data.crypto',
  title: 'Crypto',
  description: 'Hashes, signs, checks, encrypts and decrypts texts and files, and makes random values.',
  category: 'data',
  icon: 'lock-keyhole',
  effect: ({ action, make }) =>
    action === 'hash' || (action === 'random' && (make === 'uuid' || make === 'number')) ? 'pure' : 'idempotent',
  connector: keys,
  mode: 'each',
  config: Config,
  output: PassedOn,
  async run(call) {
    return { ...call.item.json, [call.config.as]: await resultOf(call) };
  },
});

type CryptoCall = Call & { item: Item; config: Config };

async function resultOf(call: CryptoCall): Promise<Json> {
  const { config } = call;
  const { action, encoding } = config;
  if (action === 'random') return randomOf(call);
  const written = (bytes: Uint8Array) => Buffer.from(bytes).toString(encoding);
  const data = await dataOf(call);
  switch (action) {
    case 'hash':
      return createHash(config.hash).update(data).digest(encoding);
    case 'hmac':
      return written(await call.crypto.withKey({ op: 'hmac', algorithm: config.hmac, data }));
    case 'sign':
      return written(await call.crypto.withKey({ op: 'sign', algorithm: config.algorithm, data }));
    case 'verify': {
      const signature = bytesOf(config.signature, encoding, 'signature');
      const operation: KeyOperation = { op: 'verify', algorithm: config.algorithm, data, signature };
      return (await call.crypto.withKey(operation))[0] === 1;
    }
    case 'encrypt':
      return written(await call.crypto.withKey({ op: 'encrypt', data }));
    case 'decrypt': {
      const plain = await call.crypto.withKey({
        op: 'decrypt',
        data: bytesOf(textOf(config.value), encoding, 'value'),
      });
      return utf8(plain);
    }
  }
}

async function dataOf({ item, config, files }: CryptoCall): Promise<Uint8Array> {
  if (config.file !== undefined && config.action !== 'decrypt') return files.read(fileOf(item, config.file));
  return Buffer.from(textOf(config.value));
}

function textOf(value: Json | undefined): string {
  if (value === undefined) {
    throw new SluiceError('data.invalid', 'There is nothing to work on: value is missing.', {
      advice: 'Say in the step which text is meant, for example ={{ $json.body }}, or name a file of the item.',
      details: { field: 'value' },
    });
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text.length <= MOST_TEXT) return text;
  throw new SluiceError('limit.exceeded', `The text has ${text.length} characters; ${MOST_TEXT} are allowed.`, {
    advice: 'Put it into a file first.',
    details: { limit: MOST_TEXT },
  });
}

const FORMS = { hex: /^(?:[0-9a-f]{2})*$/i, base64: /^[A-Za-z0-9+/]*={0,2}$/, base64url: /^[A-Za-z0-9_-]*={0,2}$/ };

/** Node skips what it does not know in such a text; here it is an error. */
function bytesOf(text: string, encoding: (typeof ENCODINGS)[number], field: string): Uint8Array {
  const trimmed = text.trim();
  if (FORMS[encoding].test(trimmed)) return Buffer.from(trimmed, encoding);
  throw new SluiceError('data.invalid', `The ${field} is not written in ${encoding}.`, {
    advice: 'Choose the way its bytes are written.',
    details: { field },
  });
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SluiceError('data.invalid', 'What was decrypted is no text.', {
      advice: 'Only texts can be decrypted here.',
    });
  }
}

// Without those that are easily taken for one another.
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789';

async function randomOf({ config, crypto: chance, ids, random }: CryptoCall): Promise<Json> {
  const { make, length, min, max, encoding } = config;
  switch (make) {
    case 'uuid':
      return ids.uuid();
    case 'number':
      if (max < min) {
        throw new SluiceError('config.invalid', `A number from ${min} to ${max} does not exist.`, {
          advice: 'Swap them.',
        });
      }
      return min + Math.floor(random() * (max - min + 1));
    case 'bytes':
      return Buffer.from(await chance.randomBytes(length)).toString(encoding);
    case 'password': {
      // A byte that would favour the first letters is passed over, so twice as many and some are asked for; that nearly always does.
      const usable = 256 - (256 % LETTERS.length);
      let password = '';
      while (password.length < length) {
        for (const byte of await chance.randomBytes(length * 2 + 16)) {
          if (byte < usable && password.length < length) password += LETTERS[byte % LETTERS.length];
        }
      }
      return password;
    }
  }
}
