import { z } from 'zod';
import { defineConnector } from '../stepType.ts';

/** Keys of one's own. They are used outside the steps, which never see them. */
export const crypto = defineConnector({
  name: 'crypto',
  title: 'Keys',
  hosts: [],
  connection: z.strictObject({
    key: z.string().max(20_000).optional().meta({
      title: 'Secret key',
      help: 'For HMAC any text. For encryption 32 random bytes, in Base64 or hex.',
      widget: 'secret',
      order: 1,
    }),
    privateKey: z.string().max(20_000).optional().meta({
      title: 'Private key',
      help: 'PEM text without a password: RSA, the curve P-256, or Ed25519. For signing.',
      placeholder: '-----BEGIN PRIVATE KEY-----',
      widget: 'secret',
      order: 2,
    }),
    publicKey: z.string().max(20_000).optional().meta({
      title: 'Public key',
      help: 'PEM text. To check signatures of others; empty: the one that belongs to the private key.',
      placeholder: '-----BEGIN PUBLIC KEY-----',
      widget: 'multiline',
      order: 3,
    }),
  }),
});
