import { z } from 'zod';
import { defineConnector } from '../stepType.ts';

/** A mail server that takes messages by SMTP. Its host stands in the connection itself. */
export const smtp = defineConnector({
  name: 'smtp',
  title: 'E-mail (SMTP)',
  connection: z.strictObject({
    host: z
      .string()
      .regex(/^[A-Za-z0-9._:-]{1,253}$/, 'must be a name or an address')
      .meta({ title: 'Host', placeholder: 'smtp.example.com', order: 1 }),
    port: z.coerce.number().int().min(1).max(65_535).default(587).meta({ title: 'Port', order: 2 }),
    encryption: z.enum(['starttls', 'tls', 'none']).default('starttls').meta({
      title: 'Encryption',
      help: 'starttls: usual on port 587. tls: from the first byte, usual on port 465. none: for a server on the same machine or network.',
      order: 3,
    }),
    user: z.string().max(500).optional().meta({ title: 'User', order: 4 }),
    password: z.string().max(5_000).optional().meta({ title: 'Password', widget: 'secret', order: 5 }),
    from: z.string().min(3).max(320).meta({
      title: 'Sender',
      help: 'Used where a step names none.',
      placeholder: 'Robin <robin@example.com>',
      order: 6,
    }),
    ca: z.string().max(100_000).optional().meta({
      title: 'Certificate of the authority',
      help: 'In PEM, where the server’s certificate is signed by an authority of your own.',
      widget: 'text',
      order: 7,
    }),
  }),
});
