import type { dereference as Dereference, OutputUnit, Schema, SchemaDraft } from '@cfworker/json-schema';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { linearRegex } from '../linearRegex.ts';

/** What is wrong with a value: where in it, by which rule of the schema, and in words. */
export type SchemaIssue = { path: string; rule: string; message: string };

const LIMITS = { characters: 100_000, nodes: 5_000, depth: 50, listForUnique: 1_000, formatText: 10_000 };
const MOST_WORK = 200_000;
const MOST_ISSUES = 100;
const DRAFTS: [RegExp, SchemaDraft][] = [
  [/draft-04/, '4'],
  [/draft-0[67]/, '7'],
  [/2019-09/, '2019-09'],
];
/** Rules that only say that a rule further in does not hold. */
const OUTER = new Set(
  [
    'properties',
    'items',
    'prefixItems',
    'additionalItems',
    'allOf',
    '$ref',
    'if',
    'then',
    'else',
    'contains',
    'dependentSchemas',
  ].concat('dependencies'),
);
/** Keywords that hold schemas by name, whose names are not keywords. */
const BY_NAME = new Set(['properties', '$defs', 'definitions', 'dependentSchemas', 'dependencies']);
/** Keywords that hold data. */
const DATA = new Set(['const', 'enum', 'default', 'examples', 'required', 'type', 'dependentRequired']);

/**
 * Makes a check of a JSON Schema. It reads nothing from anywhere, its patterns never backtrack, and the work for one value
 * is bounded. What it gives lists at most 100 issues, none for a value that fits.
 *
 * @throws SluiceError config.invalid with the place in the schema; the check itself: limit.exceeded
 */
export async function compileSchema(given: Json): Promise<(value: Json) => SchemaIssue[]> {
  const text = JSON.stringify(given) ?? '';
  if (text.length > LIMITS.characters)
    throw refused('', `has more than ${LIMITS.characters} characters`, 'Make it smaller.');
  if (!isJsonObject(given)) throw refused('', 'is not an object', 'Begin with { "type": "object" }.');
  const { dereference, format, validate } = await import('@cfworker/json-schema');
  let left = 0;
  const spend = (work: number): void => {
    left -= work;
    if (left < 0) {
      throw new SluiceError('limit.exceeded', 'The value takes too long to check with this schema.', {
        advice: 'Use fewer alternatives (anyOf, oneOf) inside each other.',
        details: { limit: MOST_WORK },
      });
    }
  };
  const texts: Record<string, { check(text: string): boolean; message: string; rule: string }> = {};
  const schema = copySchema(given, spend, (rule, wanted, place) => {
    const name = `sluice ${Object.keys(texts).length}`;
    if (rule === 'pattern') {
      const regex = linearRegex(wanted);
      texts[name] = {
        rule,
        message: `does not match the pattern ${wanted.slice(0, 100)}`,
        check: (one) => regex.matcher(one).find(),
      };
      return name;
    }
    const known = Object.hasOwn(format, wanted) ? format[wanted] : undefined;
    if (!known)
      throw refused(
        place,
        `names the format '${wanted.slice(0, 60)}', which is not known`,
        'Use a pattern in its place.',
      );
    texts[name] = {
      rule,
      message: `is not of the form ${wanted}`,
      check: (one) => one.length <= LIMITS.formatText && known(one),
    };
    return name;
  });
  const draft = DRAFTS.find(([name]) => name.test(String(given.$schema ?? '')))?.[1] ?? '2020-12';
  const { $schema: _, ...rest } = Object.getOwnPropertyDescriptors(schema);
  const root = Object.defineProperties({}, rest) as Schema;
  const lookup = referenced(root, dereference);
  const unique = text.includes('"uniqueItems":true');

  return (value) => {
    left = MOST_WORK;
    if (unique) checkLists(value);
    // The library knows formats by name for everybody; ours are there only while it runs.
    for (const [name, { check }] of Object.entries(texts)) {
      format[name] = (one) => {
        spend(1 + one.length / 10);
        return check(one);
      };
    }
    try {
      const { errors } = validate(value, root, draft, lookup, false);
      return issuesOf(errors, texts);
    } catch (thrown) {
      if (thrown instanceof SluiceError) throw thrown;
      if (thrown instanceof RangeError) spend(Number.POSITIVE_INFINITY);
      throw refused('', 'has a keyword with a value of the wrong kind', 'Correct the schema.', thrown);
    } finally {
      for (const name of Object.keys(texts)) delete format[name];
    }
  };
}

type Lookup = ReturnType<typeof Dereference>;

/** The parts of a schema by their addresses, once every reference leads to one. */
function referenced(root: Schema, dereference: typeof Dereference): Lookup {
  let lookup: Lookup;
  try {
    lookup = dereference(root);
  } catch (cause) {
    throw refused('', 'has references or anchors that cannot be read', 'Write them as #/$defs/name.', cause);
  }
  for (const part of Object.values(lookup)) {
    const { $ref, __absolute_ref__: target } = (typeof part === 'object' ? part : {}) as Record<
      string,
      string | undefined
    >;
    if ($ref !== undefined && lookup[target ?? $ref] === undefined)
      throw refused('', `refers to ${$ref.slice(0, 100)}, which is not in it`, 'Correct the reference.');
  }
  return lookup;
}

type Texts = (rule: 'pattern' | 'format', wanted: string, place: string) => string;

/** A copy in which every visit of a part is counted, and patterns and formats are our own. */
function copySchema(given: JsonObject, spend: (work: number) => void, texts: Texts): object {
  let nodes = 0;
  const copy = (value: Json, place: string, depth: number): unknown => {
    if (depth > LIMITS.depth) throw refused(place, `goes more than ${LIMITS.depth} levels deep`, 'Use $ref and $defs.');
    if (Array.isArray(value)) return value.map((one, index) => copy(one, `${place}/${index}`, depth + 1));
    if (!isJsonObject(value)) return value;
    nodes += 1;
    if (nodes > LIMITS.nodes) throw refused(place, `has more than ${LIMITS.nodes} parts`, 'Make it smaller.');
    checkKeywords(value, place);
    const made: Record<string, unknown> = {};
    const all = Array.isArray(value.allOf) ? value.allOf : [];
    const extra: object[] = [];
    for (const [key, one] of Object.entries(value)) {
      if (key === 'pattern' || key === 'format') extra.push({ format: texts(key, String(one), `${place}/${key}`) });
      else if (DATA.has(key)) made[key] = one;
      else if (BY_NAME.has(key) && isJsonObject(one)) {
        made[key] = Object.fromEntries(
          Object.entries(one).map(([name, part]) => [name, copy(part, `${place}/${key}/${name}`, depth + 1)]),
        );
      } else if (key !== '$id' && key !== 'id') made[key] = copy(one, `${place}/${key}`, depth + 1);
    }
    if (extra.length > 0) made.allOf = [...((made.allOf as unknown[]) ?? all), ...extra];
    const weight = 1 + JSON.stringify([value.enum, value.required, Object.keys(value.properties ?? {})]).length / 50;
    // The library reads this of a part whenever it comes to it.
    Object.defineProperty(made, '$recursiveAnchor', {
      enumerable: false,
      get: () => {
        spend(weight);
        return undefined;
      },
    });
    return made;
  };
  return copy(given, '#', 0) as object;
}

function checkKeywords(value: JsonObject, place: string): void {
  const { $ref, pattern, format, patternProperties } = value;
  if (Object.hasOwn(value, '__proto__')) throw refused(place, 'has the name __proto__', 'Leave it out.');
  if ($ref !== undefined && (typeof $ref !== 'string' || !$ref.startsWith('#')))
    throw refused(
      `${place}/$ref`,
      'refers to another document, which is not read',
      'Copy it to $defs and use #/$defs/….',
    );
  if (patternProperties !== undefined)
    throw refused(
      `${place}/patternProperties`,
      'is not supported',
      'Use propertyNames with a pattern and additionalProperties.',
    );
  for (const [name, one] of Object.entries({ pattern, format }))
    if (one !== undefined && typeof one !== 'string') throw refused(`${place}/${name}`, 'is no text', 'Correct it.');
  for (const name of ['properties', '$defs', 'definitions'])
    if (value[name] !== undefined && !isJsonObject(value[name]))
      throw refused(`${place}/${name}`, 'is no object', 'Correct it.');
  for (const name of ['allOf', 'anyOf', 'oneOf', 'enum', 'required', 'prefixItems'])
    if (value[name] !== undefined && !Array.isArray(value[name]))
      throw refused(`${place}/${name}`, 'is no list', 'Correct it.');
}

/** Entries of a list that must differ are compared each with each. */
function checkLists(value: Json): void {
  const open: Json[] = [value];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (typeof one !== 'object' || one === null) continue;
    if (Array.isArray(one) && one.length > LIMITS.listForUnique) {
      throw new SluiceError(
        'limit.exceeded',
        `With uniqueItems a list may have ${LIMITS.listForUnique} entries; one has ${one.length}.`,
        {
          advice: 'Leave uniqueItems out of the schema, and remove duplicates with a step.',
          details: { limit: LIMITS.listForUnique },
        },
      );
    }
    for (const inner of Object.values(one)) open.push(inner);
  }
}

function issuesOf(errors: OutputUnit[], texts: Record<string, { message: string; rule: string }>): SchemaIssue[] {
  const inner = errors.filter(({ keyword }) => !OUTER.has(keyword));
  const shown = inner.length > 0 ? inner : errors;
  return shown.slice(0, MOST_ISSUES).map(({ instanceLocation, keyword, error }) => {
    const path = pathOf(instanceLocation);
    const own = keyword === 'format' ? texts[/"(sluice \d+)"/.exec(error)?.[1] ?? ''] : undefined;
    if (own) return { path, rule: own.rule, message: own.message };
    return { path, rule: keyword, message: error.slice(0, 300) };
  });
}

/** `#/lines/0/a~1b` as people write it: `lines.0.a/b`. */
function pathOf(pointer: string): string {
  return pointer
    .replace(/^#\/?/, '')
    .split('/')
    .map((part) => decoded(part).replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function refused(place: string, why: string, advice: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'config.invalid',
    `The JSON Schema${place && place !== '#' ? ` at ${place.slice(0, 200)}` : ''} ${why}.`,
    {
      advice,
      details: { field: 'schema' },
      cause,
    },
  );
}
