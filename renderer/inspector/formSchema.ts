import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';

export type FieldKind =
  | 'text'
  | 'multiline'
  | 'number'
  | 'boolean'
  | 'select'
  | 'list'
  | 'map'
  | 'object'
  | 'code'
  | 'cron'
  | 'script'
  | 'workflow'
  | 'secret'
  | 'expression'
  | 'json';

/** One field of a form, as drawn from a JSON Schema. */
export type FieldModel = {
  key: string;
  title: string;
  kind: FieldKind;
  required: boolean;
  /** No expression may stand here. */
  literal: boolean;
  help?: string;
  placeholder?: string;
  unit?: string;
  fallback?: Json;
  min?: number;
  max?: number;
  integer?: boolean;
  options?: { value: string; label: string }[];
  /** Of an object. */
  fields?: FieldModel[];
  /** Of a list or a map: what one entry looks like. */
  entry?: FieldModel;
  language?: 'javascript' | 'typescript';
  /** Only while the fields beside it have these values: `{ verify: 'hmac' }`. */
  showWhen?: JsonObject;
};

/** The fields of an object's schema, in the order the step type wants. */
export function formFields(schema: JsonObject): FieldModel[] {
  return objectFields(schema, schema, false);
}

function objectFields(schema: JsonObject, root: JsonObject, literal: boolean): FieldModel[] {
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties)
    .map(([key, value], index) => {
      const property = resolve(value, root);
      const order = typeof property.order === 'number' ? property.order : 1_000 + index;
      return { order, field: toField(key, property, root, required.includes(key), literal) };
    })
    .sort((a, b) => a.order - b.order)
    .map(({ field }) => field);
}

function toField(key: string, schema: JsonObject, root: JsonObject, required: boolean, outer: boolean): FieldModel {
  const literal = outer || schema.expression === false;
  const shape = simplify(schema, root);
  const field: FieldModel = {
    key,
    title: text(schema.title) ?? words(key),
    kind: kindOf(schema, shape),
    required: (required || schema.needed === true) && schema.default === undefined,
    literal,
    help: text(schema.help) ?? text(schema.description),
    placeholder: text(schema.placeholder),
    unit: text(schema.unit),
    fallback: schema.default,
  };
  if (isJsonObject(schema.showWhen)) field.showWhen = schema.showWhen;
  if (key.endsWith('Ms') && !field.unit) field.unit = 'ms';
  if (typeof shape.minimum === 'number') field.min = shape.minimum;
  if (typeof shape.maximum === 'number' && shape.maximum < Number.MAX_SAFE_INTEGER) field.max = shape.maximum;
  if (field.kind === 'number') field.integer = shape.type === 'integer';
  if (field.kind === 'select') field.options = options(schema, shape);
  if (field.kind === 'object') field.fields = objectFields(shape, root, literal);
  if (field.kind === 'list') field.entry = entryOf(shape.items, root, literal);
  if (field.kind === 'map') field.entry = entryOf(shape.additionalProperties, root, literal);
  if (field.kind === 'code') field.language = schema.language === 'typescript' ? 'typescript' : 'javascript';
  return field;
}

function entryOf(schema: Json | undefined, root: JsonObject, literal: boolean): FieldModel {
  return toField('', isJsonObject(schema) ? resolve(schema, root) : {}, root, true, literal);
}

const WIDGETS = new Set<string>(['multiline', 'code', 'cron', 'secret', 'script', 'workflow', 'expression', 'json']);

function kindOf(schema: JsonObject, shape: JsonObject): FieldKind {
  const widget = text(schema.widget) ?? text(shape.widget);
  if (widget === 'pairs') return 'map';
  if (widget && WIDGETS.has(widget)) return widget as FieldKind;
  if (values(shape)) return 'select';
  switch (shape.type) {
    case 'string':
      return 'text';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'array':
      return 'list';
    case 'object':
      return isJsonObject(shape.properties) && Object.keys(shape.properties).length > 0 ? 'object' : 'map';
    default:
      return 'json';
  }
}

/** The one alternative that a form can draw; with several, a field that takes any value. */
function simplify(schema: JsonObject, root: JsonObject): JsonObject {
  const union = Array.isArray(schema.anyOf) ? schema.anyOf : Array.isArray(schema.oneOf) ? schema.oneOf : undefined;
  if (!union) {
    const types = Array.isArray(schema.type) ? schema.type.filter((one) => one !== 'null') : undefined;
    if (!types) return schema;
    return types.length === 1 ? { ...schema, type: types[0] as string } : {};
  }
  const shapes = union.filter(isJsonObject).map((one) => simplify(resolve(one, root), root));
  const real = shapes.filter((one) => one.type !== 'null');
  const [first] = real;
  if (first && real.length === 1) return first;
  const all = real.map(values);
  if (all.every((list) => list !== undefined)) return { enum: all.flat() as string[] };
  return {};
}

function resolve(schema: Json, root: JsonObject): JsonObject {
  if (!isJsonObject(schema)) return {};
  if (typeof schema.$ref !== 'string') return schema;
  let found: Json | undefined = root;
  for (const part of schema.$ref.replace(/^#\/?/, '').split('/').filter(Boolean)) {
    found = isJsonObject(found) ? found[part] : undefined;
  }
  return isJsonObject(found) ? { ...found, ...schema, $ref: '' } : {};
}

function values(shape: JsonObject): string[] | undefined {
  if (Array.isArray(shape.enum) && shape.enum.every((one) => typeof one === 'string')) return shape.enum as string[];
  return typeof shape.const === 'string' ? [shape.const] : undefined;
}

function options(schema: JsonObject, shape: JsonObject): { value: string; label: string }[] {
  const labels = isJsonObject(schema.labels) ? schema.labels : {};
  return (values(shape) ?? []).map((value) => ({ value, label: text(labels[value]) ?? optionWords(value) }));
}

/** `at_once` reads "At once"; names in capitals, like GET, stay as they are. */
function optionWords(value: string): string {
  return /^[A-Z0-9]+$/.test(value) ? value : words(value);
}

/** How names that are no plain words are written. */
const SPELLINGS: Record<string, string> = Object.fromEntries(
  ['API', 'CSV', 'GitHub', 'HMAC', 'HTML', 'HTTP', 'ID', 'JSON', 'JWT', 'SQL', 'URL', 'UTC', 'XML', 'YAML']
    .map((word) => [word.toLowerCase(), word])
    .concat([1, 224, 256, 384, 512].map((size) => [`sha${size}`, `SHA-${size}`])),
);

/** `catchUpMinutes` reads "Catch up minutes", `idHeader` "ID header". */
export function words(key: string): string {
  const spaced = key
    .replace(/Ms$/, '')
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
    .replace(/\S+/g, (word) => (Object.hasOwn(SPELLINGS, word) ? (SPELLINGS[word] ?? word) : word));
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Whether a text is read as an expression or a template (formats.md 7). */
export function isExpression(value: Json | undefined): value is string {
  return typeof value === 'string' && (value.startsWith('=') || value.includes('{{'));
}

/** What someone typed into a field that takes any value: numbers, `true`, lists and objects are read as JSON, the rest is text. */
export function readAnyValue(typed: string): Json {
  const expression: boolean = isExpression(typed);
  if (expression || !/^(?:-?\d|[[{]|true$|false$|null$)/.test(typed.trim())) return typed;
  try {
    const value = JSON.parse(typed) as Json;
    // A number that would not come back as it was typed (a leading zero, too many digits) is a text.
    return typeof value === 'number' && String(value) !== typed.trim() ? typed : value;
  } catch {
    return typed;
  }
}

export function showAnyValue(value: Json | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The fields that count with what is set now. One whose condition is an expression is known only in a run, so it counts. */
export function shownFields(fields: FieldModel[], config: JsonObject): FieldModel[] {
  return fields.filter(({ showWhen = {} }) =>
    Object.entries(showWhen).every(([key, wanted]) => {
      const value = config[key] ?? fields.find((field) => field.key === key)?.fallback;
      return isExpression(value) || (Array.isArray(wanted) ? wanted.includes(value as Json) : value === wanted);
    }),
  );
}

/** The first required field that is empty, for the card's "lacks a field". */
export function missingField(fields: FieldModel[], config: JsonObject): FieldModel | undefined {
  return shownFields(fields, config).find((field) => field.required && isEmpty(config[field.key]));
}

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || value === null || value === '';
}
