import type { Element } from 'domhandler';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { FieldName, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';
import { textOf } from './eachItem.ts';
import { HTML_LIMITS, parseHtml, readableText } from './htmlTree.ts';
import { createSelect } from './selectHtml.ts';

const MOST_FOUND = 10_000;
const MOST_TEXT = 10_000_000;

export const html = defineStepType({
  version: 1,
  type: 'data.html',
  title: 'HTML',
  description: 'Takes values out of a web page by CSS selectors, or makes plain text of it.',
  category: 'data',
  icon: 'code-xml',
  effect: 'pure',
  mode: 'each',
  config: z.strictObject({
    action: z
      .enum(['extract', 'text'])
      .default('extract')
      .meta({ title: 'What to do', labels: { text: 'Make plain text' }, expression: false, order: 1 }),
    html: z.string().optional().meta({
      title: 'HTML',
      help: 'Empty: the field body of the item.',
      placeholder: '={{ $json.body }}',
      widget: 'multiline',
      order: 2,
    }),
    values: z
      .array(
        z
          .strictObject({
            key: FieldName.meta({ title: 'Name', placeholder: 'price', expression: false, order: 1 }),
            selector: z.string().min(1).max(500).meta({
              title: 'CSS selector',
              placeholder: 'table.prices td:nth-child(2)',
              order: 2,
            }),
            take: z
              .enum(['text', 'html', 'attribute'])
              .default('text')
              .meta({ title: 'Take', labels: { html: 'HTML inside' }, expression: false, order: 3 }),
            attribute: z
              .string()
              .min(1)
              .max(100)
              .optional()
              .meta({ title: 'Attribute', placeholder: 'href', showWhen: { take: 'attribute' }, order: 4 }),
            all: z
              .boolean()
              .default(false)
              .meta({ title: 'All that are found, as a list', expression: false, order: 5 }),
          })
          .refine(({ take, attribute }) => take !== 'attribute' || attribute !== undefined, {
            message: 'must be named',
            path: ['attribute'],
          }),
      )
      .max(50)
      .default([])
      .meta({
        title: 'Values',
        help: 'What is not found is null, or an empty list.',
        showWhen: { action: 'extract' },
        order: 3,
      }),
    as: FieldName.default('text').meta({
      title: 'Put the text into the field',
      expression: false,
      showWhen: { action: 'text' },
      order: 4,
    }),
    keepOthers: z.boolean().default(true).meta({ title: 'Keep the other fields', expression: false, order: 5 }),
  }),
  output: PassedOn,
  async run({ item, config }): Promise<JsonObject> {
    const page = await parseHtml(textOf(config.html, item.json, 'body', HTML_LIMITS.characters));
    const kept = config.keepOthers ? item.json : {};
    if (config.action === 'text') return { ...kept, [config.as]: readableText(page.children) };
    const select = await createSelect(page);
    const { DomUtils } = await import('htmlparser2');
    // One element inside another counts twice, so a page could be made to grow.
    let left = MOST_TEXT;
    const spend = (text: string): string => {
      left -= text.length;
      if (left >= 0) return text;
      throw new SluiceError('limit.exceeded', `What is taken from the page has more than ${MOST_TEXT} characters.`, {
        advice: 'Choose smaller elements.',
        details: { limit: MOST_TEXT },
      });
    };
    const taken: [string, Json][] = config.values.map(({ key, selector, take, attribute = '', all }) => {
      const attributeOf = ({ attribs }: Element): Json =>
        Object.hasOwn(attribs, attribute) ? spend(attribs[attribute] ?? '') : null;
      const taking = (element: Element): Json => {
        if (take === 'attribute') return attributeOf(element);
        return spend(take === 'html' ? DomUtils.getInnerHTML(element) : readableText(element.children));
      };
      const found = select(selector, all ? MOST_FOUND + 1 : 1);
      if (found.length > MOST_FOUND) {
        throw new SluiceError('limit.exceeded', `The selector '${selector}' finds more than ${MOST_FOUND} elements.`, {
          advice: 'Make it more exact.',
          details: { limit: MOST_FOUND },
        });
      }
      return [key, all ? found.map(taking) : found[0] ? taking(found[0]) : null];
    });
    return { ...kept, ...Object.fromEntries(taken) };
  },
});
