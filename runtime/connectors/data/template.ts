import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { FieldName, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const MOST = 10_000_000;

export const template = defineStepType({
  version: 1,
  type: 'data.template',
  title: 'Text template',
  description: 'Fills values into a text: one text for each item, or one for all of them with a line for each.',
  category: 'data',
  icon: 'square-pen',
  effect: 'pure',
  mode: 'once',
  config: z.strictObject({
    make: z
      .enum(['one_for_each', 'one_for_all'])
      .default('one_for_each')
      .meta({ title: 'Make', expression: false, order: 1 }),
    header: z
      .string()
      .default('')
      .meta({
        title: 'Before the lines',
        placeholder: '{{ $items.length }} orders',
        widget: 'multiline',
        showWhen: { make: 'one_for_all' },
        order: 2,
      }),
    text: z.string().default('').meta({
      title: 'Text',
      help: 'For each item. What stands between {{ and }} is an expression.',
      placeholder: 'Hello {{ $json.name }}',
      widget: 'multiline',
      needed: true,
      order: 3,
    }),
    separator: z
      .string()
      .max(1_000)
      .default('\n')
      .meta({ title: 'Between the lines', widget: 'multiline', showWhen: { make: 'one_for_all' }, order: 4 }),
    footer: z
      .string()
      .default('')
      .meta({ title: 'After the lines', widget: 'multiline', showWhen: { make: 'one_for_all' }, order: 5 }),
    as: FieldName.default('text').meta({ title: 'Put it into the field', expression: false, order: 6 }),
    keepOthers: z
      .boolean()
      .default(true)
      .meta({ title: 'Keep the other fields', expression: false, showWhen: { make: 'one_for_each' }, order: 7 }),
  }),
  output: PassedOn,
  runAll({ inputs: { main = [] }, config, configFor }) {
    const { make, header, footer, separator, as, keepOthers } = config;
    if (make === 'one_for_each') {
      return {
        main: main.map((item, from) => {
          const { text } = configFor(item);
          checkLength(text.length);
          return { ...item, json: { ...(keepOthers ? item.json : {}), [as]: text }, from };
        }),
      };
    }
    if (main.length === 0) return { main: [] };
    let length = header.length + footer.length + 2 * separator.length;
    const lines = main.map((item) => {
      const { text } = configFor(item);
      length += text.length + separator.length;
      checkLength(length);
      return text;
    });
    const text = [...(header ? [header] : []), ...lines, ...(footer ? [footer] : [])].join(separator);
    return { main: [{ json: { [as]: text }, from: main.map((_, index) => ['main', index]) }] };
  },
});

function checkLength(length: number): void {
  if (length <= MOST) return;
  throw new SluiceError('limit.exceeded', `The text would have more than ${MOST} characters.`, {
    advice: 'Make fewer items into one text.',
    details: { limit: MOST },
  });
}
