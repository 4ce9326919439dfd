import { z } from 'zod';
import { AnyJson, FieldName, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';
import { textOf } from './eachItem.ts';
import { jsonToXml } from './jsonToXml.ts';
import { XML_LIMIT, xmlToJson } from './xmlToJson.ts';

export const xml = defineStepType({
  version: 1,
  type: 'data.xml',
  title: 'XML',
  description: 'Makes JSON of XML, or XML of JSON.',
  category: 'data',
  icon: 'file-code-2',
  effect: 'pure',
  mode: 'each',
  config: z.strictObject({
    to: z.enum(['json', 'xml']).default('json').meta({ title: 'Make', expression: false, order: 1 }),
    xml: z
      .string()
      .optional()
      .meta({
        title: 'XML',
        help: 'Empty: the field body of the item. Without a DOCTYPE.',
        placeholder: '={{ $json.body }}',
        widget: 'multiline',
        showWhen: { to: 'json' },
        order: 2,
      }),
    data: AnyJson.optional().meta({
      title: 'JSON',
      help: 'An object with one field, the root element. Empty: the whole item.',
      placeholder: '={{ { order: $json } }}',
      widget: 'expression',
      showWhen: { to: 'xml' },
      order: 3,
    }),
    lists: z
      .array(z.string().min(1).max(100))
      .max(100)
      .default([])
      .meta({
        title: 'Elements that are always lists',
        help: 'Else one alone is a value, and several are a list.',
        placeholder: 'line',
        expression: false,
        showWhen: { to: 'json' },
        order: 4,
      }),
    values: z
      .enum(['text', 'typed'])
      .default('text')
      .meta({
        title: 'Values are',
        help: 'Typed: what reads like a number or true and false becomes one.',
        expression: false,
        showWhen: { to: 'json' },
        order: 5,
      }),
    attributes: z
      .string()
      .regex(/^[@_$%~-]{1,5}$/, 'must be one to five of @ _ $ % ~ -')
      .default('@')
      .meta({ title: 'Names of attributes begin with', expression: false, order: 6 }),
    pretty: z
      .boolean()
      .default(false)
      .meta({ title: 'With indents', expression: false, showWhen: { to: 'xml' }, order: 7 }),
    as: FieldName.optional().meta({
      title: 'Put it into the field',
      help: 'Else data or xml.',
      expression: false,
      order: 8,
    }),
  }),
  output: PassedOn,
  async run({ item, config }) {
    const { to, attributes, lists, values, pretty, as } = config;
    if (to === 'xml') {
      const text = await jsonToXml(config.data === undefined ? item.json : config.data, { attributes, pretty });
      return { ...item.json, [as ?? 'xml']: text };
    }
    const source = textOf(config.xml, item.json, 'body', XML_LIMIT);
    return { ...item.json, [as ?? 'data']: await xmlToJson(source, { attributes, lists, typed: values === 'typed' }) };
  },
});
