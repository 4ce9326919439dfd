import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { compileSchema, type SchemaIssue } from '../data/jsonSchema.ts';
import type { RouteConfig } from './routeConfig.ts';

const PARTS = ['params', 'query', 'headers', 'body'] as const;
type Part = (typeof PARTS)[number];

/** What came: texts, as paths, queries and headers have them. `body` undefined: there is none. */
export type RouteInput = { params: JsonObject; query: JsonObject; headers: JsonObject; body: Json | undefined };

/** Gives the parts with numbers and lists as their schemas say. @throws SluiceError route.input_invalid */
export type RouteCheck = (input: RouteInput, isForm: boolean) => RouteInput;

/** One thing that does not fit, as `details.fields` of an answer names it. */
export type InputFault = { field: string; rule: string; message: string };

/** @throws SluiceError config.invalid, naming the route and the schema that cannot be used */
export async function compileRouteInput(config: RouteConfig): Promise<RouteCheck> {
  const checks = new Map<Part, (value: Json) => SchemaIssue[]>();
  for (const part of PARTS) {
    const schema = config[part];
    if (schema) checks.set(part, await compiled(schema, part, config));
  }
  return (input, isForm) => {
    const faults: InputFault[] = [];
    const made = { ...input };
    for (const part of PARTS) {
      const check = checks.get(part);
      if (!check) continue;
      const given = input[part];
      if (given === undefined) {
        faults.push({ field: part, rule: 'required', message: 'is missing' });
        continue;
      }
      const isTexts = part !== 'body' || isForm;
      const value = isTexts && isJsonObject(given) ? readTexts(given, config[part] ?? {}) : given;
      faults.push(...check(value).map((issue) => faultOf(part, issue)));
      (made as Record<Part, Json | undefined>)[part] = value;
    }
    if (faults.length > 0) throw invalidInput(faults);
    return made;
  };
}

/** A refusal that names each field. */
export function invalidInput(faults: readonly InputFault[]): SluiceError {
  const said = faults.slice(0, 3).map(({ field, message }) => `${field}: ${message}`);
  const more = faults.length > 3 ? `; and ${faults.length - 3} more` : '';
  return new SluiceError('route.input_invalid', `The request does not fit: ${said.join('; ')}${more}.`, {
    details: { fields: faults as InputFault[] },
    advice: 'Correct the fields that are named, and send it again.',
  });
}

/** Texts become what the schema of their field says, where they are written so; else the schema will refuse them. */
function readTexts(given: JsonObject, schema: JsonObject): JsonObject {
  const fields = isJsonObject(schema.properties) ? schema.properties : {};
  const read = new Map(Object.entries(given));
  for (const [name, field] of Object.entries(fields)) {
    if (!isJsonObject(field)) continue;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined) read.set(name, readText(value, field));
    else if (field.default !== undefined) read.set(name, field.default);
  }
  return Object.fromEntries(read);
}

function readText(value: Json, schema: JsonObject): Json {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  if (types.includes('array')) {
    const items = isJsonObject(schema.items) ? schema.items : {};
    return (Array.isArray(value) ? value : [value]).map((one) => readText(one, items));
  }
  if (typeof value !== 'string' || types.includes('string')) return value;
  if (types.includes('boolean') && (value === 'true' || value === 'false')) return value === 'true';
  const isNumber = types.includes('integer') || types.includes('number');
  return isNumber && /^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?$/.test(value) ? Number(value) : value;
}

function faultOf(part: Part, { path, rule, message }: SchemaIssue): InputFault {
  // A field that is not there has no place of its own: the rule names it.
  const missing = rule === 'required' ? /property "(.{1,200}?)"/.exec(message)?.[1] : undefined;
  const field = [part, path, missing].filter((one) => one !== undefined && one !== '').join('.');
  return { field, rule, message: missing === undefined ? message : 'is missing' };
}

async function compiled(schema: JsonObject, part: Part, { method, path }: RouteConfig) {
  try {
    return await compileSchema(schema);
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    throw new SluiceError('config.invalid', `The route ${method} ${path}, its schema of ${part}: ${thrown.message}`, {
      advice: thrown.advice,
      details: { ...thrown.details, field: part },
      cause: thrown,
    });
  }
}
