import { z } from 'zod';
import type { Json } from '#shared/json.ts';
import { AnyJson, FieldName, FieldPath, PassedOn, readField } from '../fields.ts';
import { defineStepType } from '../stepType.ts';
import { eachItem } from './eachItem.ts';
import { compileSchema } from './jsonSchema.ts';

export const validate = defineStepType({
  version: 1,
  type: 'data.validate',
  title: 'Validate',
  description: 'Checks each item by a JSON Schema, and sends those that do not fit out by invalid with the reasons.',
  category: 'data',
  icon: 'clipboard-check',
  effect: 'pure',
  mode: 'each',
  outputs: ['valid', 'invalid'],
  config: z.strictObject({
    schema: AnyJson.optional().meta({
      title: 'JSON Schema',
      help: 'Draft 4, 7, 2019-09 or 2020-12, as $schema says; else 2020-12. References only inside of it.',
      placeholder: '{ "type": "object", "required": ["id"] }',
      widget: 'json',
      needed: true,
      expression: false,
      order: 1,
    }),
    field: FieldPath.optional().meta({
      title: 'Field to check',
      help: 'Empty: the whole item.',
      placeholder: 'body',
      expression: false,
      order: 2,
    }),
    as: FieldName.default('errors').meta({
      title: 'Put the reasons into the field',
      help: 'Of items that do not fit: a list of path, rule and message.',
      expression: false,
      order: 3,
    }),
  }),
  output: PassedOn,
  async runAll(call) {
    const { schema = null, field, as } = call.config;
    const check = await compileSchema(schema);
    return eachItem(
      call,
      (item) => {
        const value: Json | undefined = field === undefined ? item.json : readField(item.json, field);
        const errors =
          value === undefined
            ? [{ path: '', rule: 'required', message: `The field ${field} is missing.` }]
            : check(value);
        if (errors.length === 0) return { port: 'valid', item };
        return { port: 'invalid', item: { ...item, json: { ...item.json, [as]: errors } } };
      },
      ['valid', 'invalid'],
    );
  },
});
