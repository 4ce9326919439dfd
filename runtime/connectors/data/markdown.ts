import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { FieldName, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';
import { textOf } from './eachItem.ts';
import { htmlToMarkdown } from './htmlToMarkdown.ts';
import { markdownToHtml } from './markdownToHtml.ts';

const MOST = 500_000;

export const markdown = defineStepType({
  version: 1,
  type: 'data.markdown',
  title: 'Markdown',
  description: 'Makes HTML of Markdown, or Markdown of HTML.',
  category: 'data',
  icon: 'file-text',
  effect: 'pure',
  mode: 'each',
  config: z.strictObject({
    to: z.enum(['html', 'markdown']).default('html').meta({ title: 'Make', expression: false, order: 1 }),
    text: z.string().optional().meta({
      title: 'Text',
      help: 'Empty: the field text of the item.',
      placeholder: '={{ $json.text }}',
      widget: 'multiline',
      order: 2,
    }),
    lineBreaks: z
      .boolean()
      .default(false)
      .meta({ title: 'Keep every line break', expression: false, showWhen: { to: 'html' }, order: 3 }),
    rawHtml: z
      .enum(['escape', 'remove'])
      .default('escape')
      .meta({
        title: 'HTML in the Markdown',
        help: 'Shown as it is written, or left out. It never becomes part of the page.',
        expression: false,
        showWhen: { to: 'html' },
        order: 4,
      }),
    as: FieldName.optional().meta({
      title: 'Put it into the field',
      help: 'Else html or markdown.',
      expression: false,
      order: 5,
    }),
  }),
  output: PassedOn,
  async run({ item, config: { to, text, lineBreaks, rawHtml, as } }) {
    const source = textOf(text, item.json, 'text', MOST);
    const made = await whole(() =>
      to === 'html' ? markdownToHtml(source, { lineBreaks, rawHtml }) : htmlToMarkdown(source),
    );
    return { ...item.json, [as ?? to]: made };
  },
});

/** Both libraries go down into a text by calling themselves. */
async function whole(make: () => Promise<string>): Promise<string> {
  try {
    return await make();
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw new SluiceError('limit.exceeded', 'The text nests too deeply.', {
      advice: 'Make fewer lists and quotes inside each other.',
      cause: thrown,
    });
  }
}
