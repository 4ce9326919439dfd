import { nearest } from '../expression/nearest.ts';
import { isExpression } from '../expression/source.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';

/** Something in a config that its JSON Schema does not allow. `part` says whether the value or its name is meant. */
export type ConfigFault = {
  path: string[];
  part: 'key' | 'value';
  code: 'config.missing' | 'config.unknown' | 'config.invalid';
  message: string;
  advice: string;
};

type Found = (
  path: string[],
  code: ConfigFault['code'],
  message: string,
  advice: string,
  part?: 'key' | 'value',
) => void;

/**
 * Checks a config against its step type's JSON Schema, without running code made from it. A text that is an expression
 * is accepted for any type, unless the schema says `expression: false`.
 */
export function checkConfig(schema: JsonObject, config: Json): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const found: Found = (path, code, message, advice, part = 'value') => {
    if (faults.length < 50) faults.push({ path, part, code, message, advice });
  };
  check(schema, config, [], found, schema);
  return faults;
}

const asSchemas = (value: Json | undefined) => (Array.isArray(value) ? value.filter(isJsonObject) : []);
const nameOf = (path: string[]) => (path.length === 0 ? 'The config' : `"${path.join('.')}"`);

function check(given: JsonObject, value: Json, path: string[], found: Found, root: JsonObject): void {
  const schema = resolve(given, root);
  if (typeof value === 'string' && schema.expression !== false && isExpression(value)) return;
  const invalid = (message: string, advice = 'Correct the value.') =>
    found(path, 'config.invalid', `${nameOf(path)} ${message}.`, advice);

  for (const part of asSchemas(schema.allOf)) check(part, value, path, found, root);
  const choices = [...asSchemas(schema.anyOf), ...asSchemas(schema.oneOf)];
  if (choices.length > 0) checkChoices(choices, value, path, found, root);
  if (schema.const !== undefined && value !== schema.const) invalid(`must be ${JSON.stringify(schema.const)}`);
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) {
    const options = schema.enum.map((one) => JSON.stringify(one)).join(', ');
    const near =
      typeof value === 'string'
        ? nearest(
            value,
            schema.enum.filter((one) => typeof one === 'string'),
          )
        : undefined;
    invalid(
      `is ${JSON.stringify(value)}, but must be one of ${options}`,
      near ? `Did you mean "${near}"?` : 'Choose one of them.',
    );
    return;
  }
  if (!hasType(schema.type, value)) {
    invalid(`must be ${typeText(schema.type)}, but is ${describe(value)}`);
    return;
  }

  if (typeof value === 'number') checkNumber(schema, value, invalid);
  else if (typeof value === 'string') checkText(schema, value, invalid);
  else if (Array.isArray(value)) {
    const { minItems, maxItems, items, prefixItems } = schema;
    if (typeof minItems === 'number' && value.length < minItems) invalid(`needs at least ${minItems} entries`);
    if (typeof maxItems === 'number' && value.length > maxItems) invalid(`may have at most ${maxItems} entries`);
    const first = asSchemas(prefixItems);
    value.forEach((one, i) => {
      const of = first[i] ?? items;
      if (isJsonObject(of)) check(of, one, [...path, String(i)], found, root);
    });
  } else if (isJsonObject(value)) checkFields(schema, value, path, found, root);
}

function checkChoices(choices: JsonObject[], value: Json, path: string[], found: Found, root: JsonObject): void {
  let best: ConfigFault[] | undefined;
  for (const choice of choices) {
    const faults: ConfigFault[] = [];
    check(
      choice,
      value,
      path,
      (at, code, message, advice, part = 'value') => faults.push({ path: at, part, code, message, advice }),
      root,
    );
    if (faults.length === 0) return;
    // The choice that gets furthest was probably meant.
    const depth = (list: ConfigFault[]) => Math.max(...list.map((fault) => fault.path.length));
    if (!best || depth(faults) > depth(best) || (depth(faults) === depth(best) && faults.length < best.length))
      best = faults;
  }
  for (const fault of best ?? []) found(fault.path, fault.code, fault.message, fault.advice, fault.part);
}

function checkFields(schema: JsonObject, value: JsonObject, path: string[], found: Found, root: JsonObject): void {
  const known = isJsonObject(schema.properties) ? schema.properties : {};
  const title = (key: string) => {
    const field = known[key];
    return isJsonObject(field) && typeof field.title === 'string' ? ` (${field.title})` : '';
  };
  for (const key of Array.isArray(schema.required) ? schema.required : []) {
    if (typeof key !== 'string' || Object.hasOwn(value, key)) continue;
    const field = known[key];
    if (isJsonObject(field) && field.default !== undefined) continue;
    found([...path, key], 'config.missing', `"${[...path, key].join('.')}"${title(key)} is missing.`, 'Fill it in.');
  }
  for (const [key, one] of Object.entries(value)) {
    const at = [...path, key];
    const field = Object.hasOwn(known, key) ? known[key] : undefined;
    const { additionalProperties: rest, propertyNames } = schema;
    if (isJsonObject(field)) check(field, one, at, found, root);
    else if (isJsonObject(rest)) check(rest, one, at, found, root);
    else if (rest === false || (rest === undefined && schema.properties !== undefined)) {
      const near = nearest(key, Object.keys(known));
      const advice = near ? `Did you mean "${near}"?` : 'Take it out.';
      found(at, 'config.unknown', `There is no field "${at.join('.')}".`, advice, 'key');
    }
    if (isJsonObject(propertyNames) && field === undefined)
      check({ expression: false, ...propertyNames }, key, at, found, root);
  }
}

function checkNumber(schema: JsonObject, value: number, invalid: (message: string) => void): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (typeof minimum === 'number' && value < minimum) invalid(`must be at least ${minimum}`);
  if (typeof maximum === 'number' && value > maximum) invalid(`must be at most ${maximum}`);
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum)
    invalid(`must be more than ${exclusiveMinimum}`);
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum)
    invalid(`must be less than ${exclusiveMaximum}`);
  if (typeof multipleOf === 'number' && value % multipleOf !== 0) invalid(`must be a multiple of ${multipleOf}`);
}

function checkText(schema: JsonObject, value: string, invalid: (message: string) => void): void {
  const { minLength, maxLength, pattern } = schema;
  if (typeof minLength === 'number' && value.length < minLength) {
    invalid(value === '' ? 'must not be empty' : `must have at least ${minLength} characters`);
  } else if (typeof maxLength === 'number' && value.length > maxLength)
    invalid(`may have at most ${maxLength} characters`);
  // Patterns come from our own step types; a text beyond this length is refused by no pattern, but by its size elsewhere.
  else if (typeof pattern === 'string' && value.length <= 10_000 && !new RegExp(pattern, 'u').test(value)) {
    invalid(`is ${JSON.stringify(value.slice(0, 60))}, which does not have the right form`);
  }
}

function resolve(schema: JsonObject, root: JsonObject): JsonObject {
  let at = schema;
  for (let hops = 0; typeof at.$ref === 'string' && hops < 10; hops++) {
    const { $ref } = at;
    if ($ref === '#') return root;
    let target: Json | undefined = root;
    for (const key of $ref.replace(/^#\//, '').split('/')) {
      target = isJsonObject(target) ? target[key.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
    }
    if (!isJsonObject(target)) return {};
    at = target;
  }
  return at;
}

function hasType(type: Json | undefined, value: Json): boolean {
  if (type === undefined) return true;
  if (Array.isArray(type)) return type.some((one) => hasType(one, value));
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isJsonObject(value);
  return value === null ? type === 'null' : typeof value === type;
}

const WORDS: Record<string, string> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  null: 'null',
};

function typeText(type: Json | undefined): string {
  const types = Array.isArray(type) ? type : [type ?? 'anything'];
  return types.map((one) => WORDS[String(one)] ?? String(one)).join(' or ');
}

function describe(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map of fields';
  return `${WORDS[typeof value]} (${JSON.stringify(value).slice(0, 60)})`;
}
