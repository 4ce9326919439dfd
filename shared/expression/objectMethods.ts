import { fieldsArg, textArg } from './args.ts';
import { charge, type Evaluation, made } from './evaluation.ts';
import { type MethodEntry, method, type Table, table } from './tables.ts';
import { stringify, toText } from './text.ts';
import { emptyFields, type Fields } from './values.ts';

type Entry = MethodEntry<Fields>;

function keep(evaluation: Evaluation, self: Fields, test: (key: string, value: unknown) => boolean): Fields {
  const result = emptyFields();
  for (const key of Object.keys(self)) {
    charge(evaluation, 1);
    if (test(key, self[key])) result[key] = self[key];
  }
  return result;
}

function keys(evaluation: Evaluation, self: Fields): string[] {
  const all = Object.keys(self);
  charge(evaluation, all.length);
  return all;
}

function holds(evaluation: Evaluation, value: unknown, searched: string): boolean {
  return typeof value !== 'object' && toText(evaluation, value).includes(searched);
}

export const OBJECT_METHODS: Table<Entry> = table<Entry>({
  compact: method('()', 'Without fields that are null, undefined or empty text.', (e, o) =>
    keep(e, o, (_key, value) => value !== null && value !== undefined && value !== ''),
  ),
  entries: method('()', 'A list of [name, value] pairs.', (e, o) => keys(e, o).map((key) => [key, o[key]])),
  hasField: method('(name)', 'Whether it has a field.', (e, o, a) => Object.hasOwn(o, textArg(e, a, 0))),
  hasOwnProperty: method('(name)', 'Whether it has a field.', (e, o, a) => Object.hasOwn(o, textArg(e, a, 0))),
  isEmpty: method('()', 'Whether it has no fields.', (e, o) => keys(e, o).length === 0),
  isNotEmpty: method('()', 'Whether it has any fields.', (e, o) => keys(e, o).length > 0),
  keepFieldsContaining: method('(text)', 'Only the fields whose value holds a text.', (e, o, a) => {
    const searched = textArg(e, a, 0);
    return keep(e, o, (_key, value) => holds(e, value, searched));
  }),
  keys: method('()', 'The list of its field names.', (e, o) => keys(e, o)),
  merge: method('(object)', 'With the fields of another object added; those it has already stay.', (e, o, a) => {
    const merged = keep(e, fieldsArg(e, a, 0), () => true);
    for (const key of keys(e, o)) merged[key] = o[key];
    return merged;
  }),
  removeField: method('(name)', 'Without a field.', (e, o, a) => {
    const name = textArg(e, a, 0);
    return keep(e, o, (key) => key !== name);
  }),
  removeFieldsContaining: method('(text)', 'Without the fields whose value holds a text.', (e, o, a) => {
    const searched = textArg(e, a, 0);
    return keep(e, o, (_key, value) => !holds(e, value, searched));
  }),
  toJsonString: method('()', 'Its JSON text.', (e, o) => stringify(e, o)),
  toString: method('()', 'Its JSON text.', (e, o) => stringify(e, o)),
  urlEncode: method('()', 'As the query of a URL: a=1&b=2.', (e, o) =>
    made(
      e,
      keys(e, o)
        .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(toText(e, o[key]))}`)
        .join('&'),
    ),
  ),
  values: method('()', 'The list of its values.', (e, o) => keys(e, o).map((key) => o[key])),
});
