import { z } from 'zod';

/** The most that all files of a form may have together: they are held in memory until they are checked. */
const MOST_FILES = 52_428_800;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

export const FormField = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'must be a name such as email')
      .refine((name) => name !== 'submittedAt' && !name.startsWith('sluice_'), 'must be another name')
      .meta({ title: 'Name', help: 'The field of the item.' }),
    label: z.string().min(1).max(300).optional().meta({ title: 'Label', help: 'What people read. Empty: the name.' }),
    type: z
      .enum(['text', 'textarea', 'email', 'number', 'date', 'select', 'checkbox', 'file'])
      .default('text')
      .meta({ title: 'Kind' }),
    required: z.boolean().default(false).meta({ title: 'Needed', help: 'Of a checkbox: it must be ticked.' }),
    help: z.string().max(1_000).optional().meta({ title: 'Help', help: 'Stands below the label.' }),
    options: z
      .array(z.string().min(1).max(300))
      .min(1)
      .max(500)
      .optional()
      .meta({ title: 'Choices', showWhen: { type: 'select' } }),
    minLength: z.int().min(1).max(100_000).optional().meta({ title: 'At least so many characters' }),
    maxLength: z.int().min(1).max(100_000).optional().meta({ title: 'At most so many characters' }),
    min: z
      .union([z.number(), z.string().regex(DATE, 'must be a number or a date such as 2026-11-20')])
      .optional()
      .meta({ title: 'Least number, or earliest date' }),
    max: z
      .union([z.number(), z.string().regex(DATE, 'must be a number or a date such as 2026-11-20')])
      .optional()
      .meta({ title: 'Greatest number, or latest date' }),
    whole: z
      .boolean()
      .default(false)
      .meta({ title: 'Whole numbers only', showWhen: { type: 'number' } }),
    types: z
      .array(z.string().regex(/^[a-z0-9.+-]+\/(?:\*|[a-z0-9.+-]+)$/i, 'must be a type such as image/png or image/*'))
      .max(20)
      .optional()
      .meta({ title: 'Types of the file', help: 'As the browser says it.', showWhen: { type: 'file' } }),
    maxBytes: z
      .int()
      .min(1)
      .max(MOST_FILES)
      .default(5_242_880)
      .meta({ title: 'Largest size of the file, in bytes', showWhen: { type: 'file' } }),
  })
  .refine(({ type, options }) => type !== 'select' || options !== undefined, {
    message: 'must list what can be chosen',
    path: ['options'],
  })
  .refine(({ type, min, max }) => [min, max].every((one) => one === undefined || typeof one === BOUND[type]), {
    message: 'must be a number for a number, a date such as 2026-11-20 for a date, and left out for the others',
    path: ['min'],
  });
export type FormField = z.infer<typeof FormField>;

const BOUND: Partial<Record<string, string>> = { number: 'number', date: 'string' };

/** What a form asks and what follows it. Literal: it is shown before there is a run. */
export const FormConfig = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/?[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/, 'must be parts of letters, digits, _ and -')
      .max(200)
      .meta({
        title: 'Path',
        help: 'Where it is shown: /forms/<path>.',
        placeholder: 'contact',
        expression: false,
        order: 1,
      }),
    title: z.string().min(1).max(300).meta({ title: 'Title', placeholder: 'Write to us', expression: false, order: 2 }),
    description: z
      .string()
      .max(5_000)
      .optional()
      .meta({ title: 'Text below the title', widget: 'multiline', expression: false, order: 3 }),
    fields: z.array(FormField).min(1).max(50).meta({ title: 'Fields', widget: 'json', expression: false, order: 4 }),
    button: z.string().min(1).max(100).default('Send').meta({ title: 'Button', expression: false, order: 5 }),
    thanks: z
      .string()
      .min(1)
      .max(5_000)
      .default('It has arrived. You can close this page.')
      .meta({ title: 'Text afterwards', widget: 'multiline', expression: false, order: 6 }),
    redirectTo: z
      .string()
      .max(2_000)
      .refine(isTarget, 'must be an address that begins with https:// or http://, or a path such as /forms/next')
      .optional()
      .meta({
        title: 'Lead on to',
        help: 'In place of the text.',
        placeholder: 'https://example.com/thanks',
        expression: false,
        order: 7,
      }),
  })
  .refine(({ fields }) => new Set(fields.map(({ name }) => name)).size === fields.length, {
    message: 'must name each field once',
    path: ['fields'],
  })
  .refine(({ fields }) => filesOf(fields).reduce((sum, { maxBytes }) => sum + maxBytes, 0) <= MOST_FILES, {
    message: `must take files of at most ${MOST_FILES} bytes together`,
    path: ['fields'],
  });
export type FormConfig = z.infer<typeof FormConfig>;

const filesOf = (fields: FormField[]) => fields.filter(({ type }) => type === 'file');

/** An address outside, or a path here; never one that only looks like a path (`//elsewhere`). */
function isTarget(text: string): boolean {
  if (/[\s\\\p{Cc}]/u.test(text)) return false;
  return /^https?:\/\//i.test(text) ? URL.canParse(text) : /^\/(?!\/)/.test(text);
}
