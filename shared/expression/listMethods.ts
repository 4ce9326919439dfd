import { functionArg, listArg, numberArg, optionalNumber, textArg } from './args.ts';
import { charge, type Evaluation, exceeded, failure } from './evaluation.ts';
import { compare, toNumber } from './operators.ts';
import { type MethodEntry, method, type Table, table } from './tables.ts';
import { joinTexts, stringify, toText } from './text.ts';
import { type Callback, emptyFields, type Fields, isFields } from './values.ts';

type List = readonly unknown[];
type Entry = MethodEntry<List>;

/** What makes two values the same to `unique` and its like: the value, and for data its JSON. */
function identity(evaluation: Evaluation, value: unknown): unknown {
  charge(evaluation, 1);
  if (typeof value === 'object' && value !== null) return `data ${stringify(evaluation, value)}`;
  return typeof value === 'string' ? `text ${value}` : value;
}

function identities(evaluation: Evaluation, list: List): Set<unknown> {
  return new Set(list.map((value) => identity(evaluation, value)));
}

function field(value: unknown, key: string): unknown {
  return isFields(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function unique(evaluation: Evaluation, list: List, keys: readonly unknown[]): unknown[] {
  const seen = new Set<unknown>();
  return list.filter((value) => {
    const what = keys.length === 0 ? value : keys.map((key) => field(value, toText(evaluation, key)) ?? null);
    const id = identity(evaluation, what);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

function numbers(evaluation: Evaluation, list: List): number[] {
  charge(evaluation, list.length);
  return list.map((value, index) => {
    const number = value === null || value === undefined || value === '' ? Number.NaN : toNumber(value);
    if (Number.isNaN(number))
      throw failure(evaluation, `Element ${index} of the list is not a number.`, 'Use .filter or .map first.');
    return number;
  });
}

function sort(evaluation: Evaluation, list: List, args: List): unknown[] {
  charge(evaluation, list.length * Math.max(1, Math.log2(list.length || 1)));
  if (args[0] !== undefined) {
    const order = functionArg(evaluation, args, 0);
    return [...list].sort((a, b) => toNumber(order(a, b)));
  }
  const keyed = list.map((value) => ({ value, key: value === undefined ? undefined : toText(evaluation, value) }));
  keyed.sort((a, b) => {
    if (a.key === undefined || b.key === undefined)
      return (a.key === undefined ? 1 : 0) - (b.key === undefined ? 1 : 0);
    return compare(evaluation, a.key, b.key);
  });
  return keyed.map(({ value }) => value);
}

function flatten(evaluation: Evaluation, list: List, depth: number, into: unknown[], level = 0): unknown[] {
  charge(evaluation, list.length);
  if (level > evaluation.budget.depth) throw exceeded(evaluation, 'depth');
  for (const value of list) {
    if (depth > 0 && Array.isArray(value)) flatten(evaluation, value, depth - 1, into, level + 1);
    else into.push(value);
  }
  return into;
}

function reduce(evaluation: Evaluation, list: List, args: List, fromEnd: boolean): unknown {
  const step = functionArg(evaluation, args, 0);
  if (list.length === 0 && args.length < 2)
    throw failure(evaluation, 'reduce of an empty list needs a first value.', 'Write .reduce((sum, x) => …, 0).');
  const call = (sum: unknown, value: unknown, index: number) => step(sum, value, index, list);
  if (args.length < 2) return fromEnd ? list.reduceRight(call) : list.reduce(call);
  return fromEnd ? list.reduceRight(call, args[1]) : list.reduce(call, args[1]);
}

function extreme(evaluation: Evaluation, list: List, sign: number): number | undefined {
  let best: number | undefined;
  for (const number of numbers(evaluation, list)) if (best === undefined || sign * number > sign * best) best = number;
  return best;
}

function mergeFields(evaluation: Evaluation, lists: List): Fields {
  const merged = emptyFields();
  for (const value of lists) {
    if (!isFields(value)) continue;
    for (const key of Object.keys(value)) {
      charge(evaluation, 1);
      merged[key] = value[key];
    }
  }
  return merged;
}

function concat(evaluation: Evaluation, list: List, args: List): unknown[] {
  const length = args.reduce<number>((sum, value) => sum + (Array.isArray(value) ? value.length : 1), list.length);
  charge(evaluation, length);
  return [...list].concat(...args);
}

function renameKeys(evaluation: Evaluation, list: List, args: List): unknown[] {
  const names = new Map<string, string>();
  for (let i = 0; i < args.length; i += 2) names.set(textArg(evaluation, args, i), textArg(evaluation, args, i + 1));
  return list.map((value) => {
    if (!isFields(value)) return value;
    const renamed = emptyFields();
    for (const key of Object.keys(value)) {
      charge(evaluation, 1);
      renamed[names.get(key) ?? key] = value[key];
    }
    return renamed;
  });
}

function smartJoin(evaluation: Evaluation, list: List, args: List): Fields {
  const [name, content] = [textArg(evaluation, args, 0), textArg(evaluation, args, 1)];
  const joined = emptyFields();
  for (const value of list) {
    charge(evaluation, 2);
    const key = field(value, name);
    if (typeof key === 'string' || typeof key === 'number') joined[String(key)] = field(value, content);
  }
  return joined;
}

/** Each call of a function is charged where it is called; this is the walk itself. */
function walk(evaluation: Evaluation, list: List, args: List): Callback {
  charge(evaluation, list.length);
  return functionArg(evaluation, args, 0);
}

export const LIST_METHODS: Table<Entry> = table<Entry>({
  append: method('(...values)', 'Followed by these elements.', (e, l, a) => {
    charge(e, l.length + a.length);
    return [...l, ...a];
  }),
  at: method('(index)', 'The element at a place; -1 is the last.', (e, l, a) => l.at(numberArg(e, a, 0))),
  average: method('()', 'The mean of its numbers, 0 for an empty list.', (e, l) =>
    l.length === 0 ? 0 : numbers(e, l).reduce((sum, n) => sum + n, 0) / l.length,
  ),
  chunk: method('(size)', 'A list of lists of this many elements each.', (e, l, a) => {
    const size = Math.trunc(numberArg(e, a, 0));
    if (!(size >= 1)) throw failure(e, 'chunk needs a size of at least 1.');
    charge(e, l.length);
    const chunks: unknown[][] = [];
    for (let i = 0; i < l.length; i += size) chunks.push(l.slice(i, i + size));
    return chunks;
  }),
  compact: method('()', 'Without null, undefined and empty texts.', (e, l) => {
    charge(e, l.length);
    return l.filter((value) => value !== null && value !== undefined && value !== '');
  }),
  concat: method('(...lists)', 'Followed by other lists or elements.', concat),
  difference: method('(list)', 'What the other list does not hold.', (e, l, a) => {
    const other = identities(e, listArg(e, a, 0));
    return l.filter((value) => !other.has(identity(e, value)));
  }),
  every: method('(test)', 'Whether all elements pass a test.', (e, l, a) => l.every(walk(e, l, a))),
  filter: method('(test)', 'The elements that pass a test.', (e, l, a) => l.filter(walk(e, l, a))),
  find: method('(test)', 'The first element that passes a test.', (e, l, a) => l.find(walk(e, l, a))),
  findIndex: method('(test)', 'Where the first element that passes a test stands, or -1.', (e, l, a) =>
    l.findIndex(walk(e, l, a)),
  ),
  findLast: method('(test)', 'The last element that passes a test.', (e, l, a) => l.findLast(walk(e, l, a))),
  findLastIndex: method('(test)', 'Where the last element that passes a test stands, or -1.', (e, l, a) =>
    l.findLastIndex(walk(e, l, a)),
  ),
  first: method('()', 'The first element.', (_e, l) => l[0]),
  flat: method('(depth?)', 'With lists inside it laid out, one level without an argument.', (e, l, a) =>
    flatten(e, l, numberArg(e, a, 0, 1), []),
  ),
  flatMap: method('(fn)', 'What a function makes of each element, lists laid out.', (e, l, a) => {
    const made = walk(e, l, a);
    return flatten(
      e,
      l.map((value, index) => made(value, index, l)),
      1,
      [],
    );
  }),
  includes: method('(value)', 'Whether it holds a value.', (e, l, a) => {
    charge(e, l.length / 4);
    return l.includes(a[0]);
  }),
  indexOf: method('(value)', 'Where a value first stands, or -1.', (e, l, a) => {
    charge(e, l.length / 4);
    return l.indexOf(a[0]);
  }),
  intersection: method('(list)', 'What both lists hold.', (e, l, a) => {
    const other = identities(e, listArg(e, a, 0));
    return unique(e, l, []).filter((value) => other.has(identity(e, value)));
  }),
  isEmpty: method('()', 'Whether it has no elements.', (_e, l) => l.length === 0),
  isNotEmpty: method('()', 'Whether it has any elements.', (_e, l) => l.length > 0),
  join: method('(separator?)', 'Its elements as one text, with commas without an argument.', (e, l, a) =>
    joinTexts(e, l, textArg(e, a, 0, ',')),
  ),
  last: method('()', 'The last element.', (_e, l) => l.at(-1)),
  lastIndexOf: method('(value)', 'Where a value last stands, or -1.', (e, l, a) => {
    charge(e, l.length / 4);
    return l.lastIndexOf(a[0]);
  }),
  map: method('(fn)', 'What a function makes of each element.', (e, l, a) => l.map(walk(e, l, a))),
  max: method('()', 'The largest of its numbers.', (e, l) => extreme(e, l, 1)),
  merge: method('(list?)', 'All its objects as one; later fields win.', (e, l, a) =>
    mergeFields(e, a.length === 0 ? l : concat(e, l, a)),
  ),
  min: method('()', 'The smallest of its numbers.', (e, l) => extreme(e, l, -1)),
  pluck: method('(...fields)', 'These fields of each element: the value of one, an object of several.', (e, l, a) => {
    const keys = a.map((_key, index) => textArg(e, a, index));
    charge(e, l.length * (keys.length + 1));
    if (keys.length === 1) return l.map((value) => field(value, keys[0] as string));
    return l.map((value) => {
      const picked = emptyFields();
      for (const key of keys) if (field(value, key) !== undefined) picked[key] = field(value, key);
      return picked;
    });
  }),
  randomItem: method('()', 'An element by chance.', (e, l) => l[Math.floor(e.scope.random() * l.length)]),
  reduce: method('(fn, first?)', 'One value made of all, from the start.', (e, l, a) => {
    charge(e, l.length);
    return reduce(e, l, a, false);
  }),
  reduceRight: method('(fn, first?)', 'One value made of all, from the end.', (e, l, a) => {
    charge(e, l.length);
    return reduce(e, l, a, true);
  }),
  removeDuplicates: method('(...fields?)', 'Without repeated values, or without repeats in these fields.', (e, l, a) =>
    unique(e, l, a),
  ),
  renameKeys: method('(from, to, …)', 'Its objects with fields renamed: pairs of an old and a new name.', renameKeys),
  reverse: method('()', 'A copy in the opposite order.', (e, l) => {
    charge(e, l.length);
    return l.toReversed();
  }),
  slice: method('(start?, end?)', 'The elements between two places; negative ones count from the end.', (e, l, a) => {
    const part = l.slice(numberArg(e, a, 0, 0), optionalNumber(e, a, 1));
    charge(e, part.length);
    return part;
  }),
  smartJoin: method('(name, value)', 'One object: each element gives a field, named by one field of it.', smartJoin),
  some: method('(test)', 'Whether any element passes a test.', (e, l, a) => l.some(walk(e, l, a))),
  sort: method('(order?)', 'A sorted copy: as texts, or by a function such as (a, b) => a.n - b.n.', sort),
  sum: method('()', 'The sum of its numbers.', (e, l) => numbers(e, l).reduce((sum, n) => sum + n, 0)),
  toJsonString: method('()', 'Its JSON text.', (e, l) => stringify(e, l)),
  toReversed: method('()', 'A copy in the opposite order.', (e, l) => {
    charge(e, l.length);
    return l.toReversed();
  }),
  toSpliced: method(
    '(start, count, ...values)',
    'A copy with some elements taken out and others put there.',
    (e, l, a) => {
      charge(e, l.length + a.length);
      return [...l].toSpliced(numberArg(e, a, 0, 0), numberArg(e, a, 1, l.length), ...a.slice(2));
    },
  ),
  toSorted: method('(order?)', 'A sorted copy: as texts, or by a function.', sort),
  toString: method('()', 'Its elements as one text, with commas.', (e, l) => joinTexts(e, l, ',')),
  union: method('(list)', 'What either list holds, once each.', (e, l, a) =>
    unique(e, concat(e, l, [listArg(e, a, 0)]), []),
  ),
  unique: method('(...fields?)', 'Without repeated values, or without repeats in these fields.', (e, l, a) =>
    unique(e, l, a),
  ),
  with: method('(index, value)', 'A copy with one element replaced.', (e, l, a) => {
    charge(e, l.length);
    return l.with(numberArg(e, a, 0), a[1]);
  }),
});

const COPYING = 'Lists in expressions are never changed.';

/** Methods that would change the list, and what to write in their place. */
export const REFUSED_LIST_METHODS: Table<string> = table<string>({
  push: `${COPYING} Write [...list, value].`,
  unshift: `${COPYING} Write [value, ...list].`,
  pop: `${COPYING} Write list.slice(0, -1), or list.last() for the last element.`,
  shift: `${COPYING} Write list.slice(1), or list.first() for the first element.`,
  splice: `${COPYING} Join two slices: [...list.slice(0, i), ...list.slice(j)].`,
  fill: `${COPYING} Write list.map(() => value).`,
  copyWithin: `${COPYING} Use slice and concat.`,
  forEach: 'forEach has no result. Write list.map(x => …).',
});
