import { z } from 'zod';
import { fileOf } from '../data/eachItem.ts';
import { defineStepType } from '../stepType.ts';
import { smtp } from './connector.ts';

const Addresses = z.union([z.string().max(40_000), z.array(z.string().max(400)).max(100)]);
const Text = z.string().max(1_048_576);

export const send = defineStepType({
  version: 1,
  type: 'mail.send',
  title: 'Send e-mail',
  description: 'Sends one message for each item, with files of the item, at most 100 a minute for each connection.',
  category: 'network',
  icon: 'mail',
  effect: 'unsafe',
  onAmbiguous: ({ onAmbiguous = 'ask' }) => onAmbiguous,
  connector: smtp,
  mode: 'each',
  // Messages that have to wait for their turn wait here.
  timeoutMs: 600_000,
  config: z.strictObject({
    to: Addresses.meta({
      title: 'To',
      help: 'Addresses with commas between them, or a list.',
      placeholder: '{{ $json.email }}',
      order: 1,
    }),
    subject: z.string().max(500).meta({ title: 'Subject', order: 2 }),
    text: Text.optional().meta({ title: 'Text', widget: 'text', order: 3 }),
    html: Text.optional().meta({
      title: 'HTML',
      help: 'Shown in place of the text by programs that can. Values are not escaped: use the template step for those of strangers.',
      widget: 'text',
      order: 4,
    }),
    attachments: z
      .array(z.string().min(1).max(100))
      .max(20)
      .default([])
      .meta({ title: 'Attached files', help: 'Their names in the item.', expression: false, order: 5 }),
    from: z
      .string()
      .max(400)
      .optional()
      .meta({ title: 'Sender', help: 'Left empty: that of the connection.', order: 6 }),
    cc: Addresses.optional().meta({ title: 'Copy to', order: 7 }),
    bcc: Addresses.optional().meta({ title: 'Hidden copy to', order: 8 }),
    replyTo: z.string().max(400).optional().meta({ title: 'Replies to', order: 9 }),
    onAmbiguous: z
      .enum(['ask', 'retry', 'fail'])
      .default('ask')
      .meta({
        title: 'If it is not known whether it was sent',
        labels: { ask: 'Ask a person', retry: 'Send it again', fail: 'Fail' },
        help: 'A message sent again has the same Message-ID, by which mail programs can tell.',
        expression: false,
        order: 10,
      }),
  }),
  output: z.looseObject({
    sent: z.object({ messageId: z.string(), accepted: z.array(z.string()), rejected: z.array(z.string()) }),
  }),
  async run({ item, config: { attachments, onAmbiguous: _, ...message }, mail }) {
    const files = attachments.map((name) => {
      const file = fileOf(item, name);
      return { ...file, name: file.name ?? name };
    });
    const sent = await mail.send({ ...message, files });
    return { ...item.json, sent };
  },
});
