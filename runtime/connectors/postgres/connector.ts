import { z } from 'zod';
import { defineConnector } from '../stepType.ts';

/** A PostgreSQL database. Its host stands in the connection itself. */
export const postgres = defineConnector({
  name: 'postgres',
  title: 'PostgreSQL',
  connection: z.strictObject({
    host: z
      .string()
      .regex(/^[A-Za-z0-9._:-]{1,253}$/, 'must be a name or an address')
      .meta({ title: 'Host', placeholder: 'db.example.com', order: 1 }),
    port: z.coerce.number().int().min(1).max(65_535).default(5432).meta({ title: 'Port', order: 2 }),
    database: z.string().min(1).max(200).meta({ title: 'Database', order: 3 }),
    user: z.string().min(1).max(200).meta({
      title: 'User',
      help: 'Give it only the rights that the workflows need.',
      order: 4,
    }),
    password: z.string().max(5_000).default('').meta({ title: 'Password', widget: 'secret', order: 5 }),
    tls: z.enum(['verify', 'encrypt', 'off']).default('verify').meta({
      title: 'Encryption',
      help: 'verify: encrypted, and the server must prove who it is. encrypt: without that proof. off: for a server on the same machine or network.',
      order: 6,
    }),
    ca: z
      .string()
      .max(100_000)
      .optional()
      .meta({
        title: 'Certificate of the authority',
        help: 'In PEM, where the server’s certificate is signed by an authority of your own.',
        showWhen: { tls: 'verify' },
        widget: 'text',
        order: 7,
      }),
  }),
});
