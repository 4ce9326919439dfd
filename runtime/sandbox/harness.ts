/**
 * What runs inside the isolate around a person's code, as text, because it is compiled there and shares nothing with
 * us. It returns two functions: `prepare(input)` sets up the names the code may use, `run(fn)` calls the code for each
 * item and gives one JSON text back. Nothing here is a boundary: the isolate and its process are.
 *
 * The answer is a line of JSON, `{ logs, errors?, failed?, exceeded? }`, and after it the list of results as JSON text.
 */
export const HARNESS = `(function () {
'use strict';
const { parse, stringify } = JSON;
const { construct, defineProperty } = Reflect;
const RealDate = Date, PlainMath = Math, PlainString = String, PlainError = Error, imul = Math.imul;
const world = globalThis;
for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly']) delete world[name];

let input, next = numbersFrom('');
const logs = [];

function define(name, value) {
  defineProperty(world, name, { value, writable: true, configurable: true, enumerable: false });
}
function lazy(name, get) {
  defineProperty(world, name, { get, set(value) { define(name, value); }, configurable: true, enumerable: false });
}

function numbersFrom(seed) {
  let a = 0x9e3779b9, b = 0x243f6a88, c = 0xb7e15162, d = 0xdeadbeef ^ seed.length;
  for (let i = 0; i < seed.length; i++) {
    const code = seed.charCodeAt(i);
    a = imul(a ^ code, 0x85ebca6b); b = imul(b ^ code ^ (a >>> 13), 0xc2b2ae35);
    c = imul(c ^ code ^ (b >>> 16), 0x27d4eb2f); d = imul(d ^ code ^ (c >>> 15), 0x165667b1);
  }
  function step() {
    const t = b << 9;
    let r = imul(b, 5); r = imul((r << 7) | (r >>> 25), 9);
    c ^= a; d ^= b; b ^= c; a ^= d; c ^= t; d = (d << 11) | (d >>> 21);
    return r >>> 0;
  }
  for (let i = 0; i < 12; i++) step();
  return step;
}
function random() { return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992; }
function uuid() {
  let hex = '';
  for (let i = 0; i < 4; i++) hex += next().toString(16).padStart(8, '0');
  const variant = '89ab'[next() & 3];
  return hex.slice(0, 8) + '-' + hex.slice(8, 12) + '-4' + hex.slice(13, 16) + '-' + variant + hex.slice(17, 20) + '-' + hex.slice(20);
}

function show(value) {
  if (typeof value === 'string') return value;
  if (value instanceof PlainError) return value.name + ': ' + value.message;
  try { const text = stringify(value); return text === undefined ? PlainString(value) : text; } catch { return PlainString(value); }
}
function log(level, values) {
  const limit = input.logLines;
  if (logs.length > limit) return;
  if (logs.length === limit) { logs.push({ level: 'warn', message: 'More than ' + limit + ' lines: the rest is left out.' }); return; }
  let message;
  try { message = values.map(show).join(' '); } catch { message = '(a value that cannot be shown)'; }
  logs.push({ level, message: message.length > 10000 ? message.slice(0, 9999) + '\\u2026' : message });
}

function describe(error) {
  const text = (read) => { try { const value = read(); return typeof value === 'string' ? value.slice(0, 4000) : ''; } catch { return ''; } };
  if (error !== null && typeof error === 'object') {
    return { name: text(() => error.name), message: text(() => error.message), stack: text(() => error.stack) };
  }
  let message; try { message = PlainString(error).slice(0, 4000); } catch { message = 'something that cannot be shown'; }
  return { name: '', message, stack: '' };
}

function stepNamed(name, index) {
  const steps = input.context.steps;
  if (!Object.hasOwn(steps, name)) throw new PlainError("There are no items of a step '" + name + "' here.");
  const items = steps[name];
  const view = { all: () => items, first: () => items[0], last: () => items[items.length - 1] };
  defineProperty(view, 'item', { enumerable: true, get() {
    const lineage = input.context.lineage && input.context.lineage[name];
    const at = lineage ? lineage[index] : items.length === 1 ? 0 : undefined;
    if (at === undefined || at === null) throw new PlainError("There is no lineage from this item to step '" + name + "'. Use .first(), .last() or .all().");
    return items[at];
  } });
  return view;
}

// Names of the current item are read when asked for: setting them up again for each of a thousand items would cost more
// than most code does. What the code assigns to one holds until the next item.
let at = 0, assigned = {};
function ofItem(name, get) {
  defineProperty(world, name, {
    get: () => (Object.hasOwn(assigned, name) ? assigned[name] : get()), set(value) { assigned[name] = value; },
    configurable: true, enumerable: false,
  });
}
function setItem(index) { at = index; assigned = {}; }

function prepare(text) {
  input = parse(text);
  const { context, items } = input;
  const now = context.now;
  next = numbersFrom(context.seed);
  define('console', { log: (...v) => log('info', v), info: (...v) => log('info', v), warn: (...v) => log('warn', v),
    error: (...v) => log('error', v), debug: (...v) => log('debug', v) });
  // The same question gets the same answer at every attempt and in a replay, so time and chance are the run's own.
  PlainMath.random = random;
  function FixedDate(...values) {
    if (!new.target) return new RealDate(now).toString();
    return construct(RealDate, values.length === 0 ? [now] : values, new.target);
  }
  FixedDate.prototype = RealDate.prototype;
  defineProperty(FixedDate, 'length', { value: 7 });
  defineProperty(FixedDate, 'name', { value: 'Date' });
  FixedDate.now = () => now; FixedDate.parse = RealDate.parse; FixedDate.UTC = RealDate.UTC;
  defineProperty(RealDate.prototype, 'constructor', { value: FixedDate, writable: true, configurable: true });
  define('Date', FixedDate);
  const { luxon } = world;
  if (luxon) {
    delete world.luxon;
    luxon.Settings.defaultZone = context.timezone;
    for (const name of ['DateTime', 'Duration', 'Interval']) define(name, luxon[name]);
    lazy('$now', () => luxon.DateTime.fromMillis(now));
    lazy('$today', () => luxon.DateTime.fromMillis(now).startOf('day'));
  }
  define('items', items); define('$items', items); define('$trigger', context.trigger); define('$request', context.request);
  define('$env', context.env); define('$vars', context.env); define('$run', context.run); define('$workflow', context.workflow);
  const ctx = { env: context.env, run: context.run, workflow: context.workflow, now: () => now, random, uuid,
    log: (...values) => log('info', values), step: (name) => stepNamed(name, at) };
  define('ctx', ctx);
  ofItem('$itemIndex', () => at);
  ofItem('item', () => items[at]);
  ofItem('$json', () => items[at] && items[at].json);
  ofItem('$binary', () => (items[at] && items[at].binary) || {});
  ofItem('$input', () => ({ all: () => items, first: () => items[0], last: () => items[items.length - 1], item: items[at] }));
  define('$', ctx.step);
}

function answer(head, body = '[]') { return stringify(head) + '\\n' + body; }

async function run(fn) {
  const { items, mode, kind, context, outputBytes } = input;
  const ctx = world.ctx;
  const parts = [], errors = [];
  let size = 0;
  const keep = (value) => {
    const text = stringify(value);
    const part = text === undefined ? 'null' : text;
    size += part.length + 1;
    if (size <= outputBytes) { parts.push(part); return true; }
    return false;
  };
  if (mode === 'once') {
    next = numbersFrom(context.seed);
    setItem(0);
    try {
      const value = kind === 'module' ? await fn(items, ctx) : await fn();
      if (!keep(value)) return answer({ logs, exceeded: true });
    } catch (error) {
      return answer({ logs, failed: describe(error) });
    }
  } else {
    for (let index = 0; index < items.length; index++) {
      next = numbersFrom(context.seed + '#' + index);
      setItem(index);
      try {
        let value = kind === 'module' ? fn(items[index], ctx) : fn();
        if (value !== null && typeof value === 'object' && typeof value.then === 'function') value = await value;
        if (!keep(value)) return answer({ logs, exceeded: true });
      } catch (error) {
        parts.push('null');
        errors.push({ index, error: describe(error) });
      }
    }
  }
  return answer({ logs, errors }, '[' + parts.join(',') + ']');
}
return { prepare, run };
})()`;
