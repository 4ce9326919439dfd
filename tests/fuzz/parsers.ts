import fc from 'fast-check';
import { read as readCsv } from '#runtime/connectors/csv/csv.ts';

import { parseHtml, readableText } from '#runtime/connectors/data/htmlTree.ts';
import { markdown } from '#runtime/connectors/data/markdown.ts';
import { createSelect } from '#runtime/connectors/data/selectHtml.ts';
import { unzip } from '#runtime/connectors/data/unzip.ts';
import { xmlToJson } from '#runtime/connectors/data/xmlToJson.ts';
import { catalog as stepCatalog } from '#runtime/connectors/registry.ts';
import { createWorld } from '#runtime/connectors/stepCall.fixture.ts';
import { hookItem } from '#runtime/connectors/trigger/hookItem.ts';
import { compilePlan } from '#runtime/engine/plan.ts';
import { expressionText } from '#runtime/sandbox/escape/expressionGrammar.fixture.ts';
import { readTape, writeTape } from '#runtime/tape/tape.ts';
import { caseOfTape } from '#runtime/tape/tapeCase.ts';
import { SluiceError } from '#shared/error.ts';
import { complete } from '#shared/expression/complete.ts';
import { testScope } from '#shared/expression/evaluate.fixture.ts';
import { compileExpression } from '#shared/expression/expression.ts';
import { references, rewriteReferences } from '#shared/expression/references.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import { RunEvent } from '#shared/run/events.ts';
import { emptyRun, foldRun } from '#shared/run/foldRun.ts';
import { projectEvents } from '#shared/run/projectEvents.ts';
import { recordedStillValid } from '#shared/run/recorded.ts';
import { nextFires } from '#shared/schedule/next.ts';
import { parseEdgeText } from '#shared/workflow/edgeText.ts';
import { contentHash, execHash } from '#shared/workflow/hash.ts';
import { Machine } from '#shared/workflow/machine.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import { EdgeKey, Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { RUN_ID, WORKFLOW_ID } from '../fixtures/engine.ts';
import { asJsonText, asYaml, type Inputs, inputsOf, named, tokensOf } from './inputs.ts';
import * as seeds from './seeds.ts';
import { tapeParts } from './tapeParts.ts';

/** Something that reads what comes from outside. */
export type Parser = {
  name: string;
  inputs: Inputs;
  /** Gives a result or throws a `SluiceError`. Whatever else it throws is a bug, so is a broken promise of its own. */
  read(input: string): unknown;
};

const FILES = seeds.FILES as Record<string, string>;
const catalog = stepCatalog();
const MANIFEST = FILES['sluice.yaml'] as string;
const WORKFLOW = FILES['workflows/triage.yaml'] as string;

function broken(promise: string): never {
  throw new TypeError(promise);
}

/** Reads a folder, looks for everything wrong in it, and holds each problem against what a problem is. */
function readFolder(files: Record<string, string>): Tree | undefined {
  const { tree, readable, problems, sources } = readProject(files, catalog);
  const found = [...problems, ...validateTree(readable, catalog, sources)];
  for (const { line, column, message, advice } of found) {
    if (!(line >= 1 && column >= 1)) broken(`A problem stands at ${line}:${column}.`);
    if (typeof message !== 'string' || message === '' || typeof advice !== 'string') broken('A problem says nothing.');
  }
  if (tree && !Tree.safeParse(tree).success) broken('What was read is no tree.');
  return tree;
}

function readJournal(lines: string): unknown {
  let state = emptyRun(RUN_ID);
  const events: RunEvent[] = [];
  for (const line of lines.split('\n')) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      continue;
    }
    const read = RunEvent.safeParse(value);
    if (read.success) events.push(read.data);
  }
  for (const [index, event] of events.entries()) state = foldRun(state, { ...event, seq: index + 1 });
  const [golden] = seeds.JOURNALS;
  if (golden) recordedStillValid({ events, before: golden.tree, now: golden.tree, workflowId: WORKFLOW_ID });
  projectEvents({ runId: RUN_ID, status: 'queued' }, events);
  return state;
}

/** Tapes of runs of earlier releases. */
export const tapes = (
  await Promise.all(
    seeds.JOURNALS.slice(0, 3).map(({ tree, events }) =>
      writeTape({
        ...{
          runId: RUN_ID,
          workflowId: WORKFLOW_ID,
          execHash: 'a'.repeat(64),
          runtimeHash: 'b'.repeat(64),
          tree,
          events,
        },
        redacted: [],
        blob: () => Promise.reject(new SluiceError('blob.not_found', 'It is gone.')),
      }),
    ),
  )
).map((bytes) => Buffer.from(bytes).toString('latin1'));

const journals = seeds.JOURNALS.slice(0, 4).map(({ events }) => events.map((one) => JSON.stringify(one)).join('\n'));
/** A journal as lines of JSON. */
export const eventLines = {
  read: (text: string): Json => text.split('\n').map((line) => JSON.parse(line) as Json),
  write: (value: Json): string => (Array.isArray(value) ? value : [value]).map((one) => JSON.stringify(one)).join('\n'),
};
const trees = [
  ...seeds.JOURNALS.slice(0, 2).map(({ tree }) => JSON.stringify(tree)),
  JSON.stringify(readProject({ ...FILES, 'machines/order.yaml': seeds.MACHINE }, catalog).readable),
];
const world = createWorld();
const others = ['sluice.yaml', 'connections.yaml', 'environments/local.yaml'];
const projectSeeds = others.map((path) => `${path}\u0001${FILES[path]}`);
const stepNames: Record<string, string> = { 'New issue?': 'fresh_2c7x', 'a.b': 'ab' };

const cronField = fc.oneof(
  fc.constantFrom(
    '*',
    '*/5',
    '0',
    '7',
    '30',
    '59',
    '23',
    '31',
    'L',
    '15W',
    '1-5',
    '5,10',
    'MON',
    'FEB-APR',
    '1#2',
    '?',
    '60',
  ),
  fc.constantFrom('*', '*', '1', '2', '3', '4', '5', '6', '*/2', '1-6', '3,5'),
  fc.tuple(fc.nat(12), fc.nat(40), fc.nat(20)).map(([from, to, step]) => `${from}-${to}/${step}`),
);
const schedules = fc
  .tuple(
    fc.constantFrom(...seeds.ZONES, ...seeds.ZONES, '+02:00', ''),
    fc.array(cronField, { minLength: 5, maxLength: 6 }),
  )
  .map(([zone, fields]) => `${zone}\u0001${fields.join(' ')}`);
const elements = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom(
      'text',
      ' 12 ',
      '&lt;',
      '&#65;',
      '&#0;',
      '&#x110000;',
      '&nbsp;',
      '<![CDATA[<a>]]>',
      '<!-- c -->',
      '<d/>',
      '-0',
      '1e999',
    ),
    fc
      .tuple(
        fc.constantFrom('a', 'b:c', 'line', '__proto__', 'constructor', 'toString', '#text', 'é'),
        fc.constantFrom('', ' x="1"', ' x="1" x="2"', ' __proto__="p"', " y='&amp;'", ' xmlns:b="u"', ' z'),
        fc.array(tie('any'), { maxLength: 4 }),
      )
      .map(([name, attributes, inner]) => `<${name}${attributes}>${inner.join('')}</${name}>`),
  ),
})).any;

export const PARSERS: readonly Parser[] = [
  {
    name: 'workflow file',
    inputs: inputsOf({ seeds: [WORKFLOW], tokens: tokensOf(WORKFLOW), data: asYaml }),
    read: (text) => readFolder({ 'sluice.yaml': MANIFEST, 'workflows/triage.yaml': text }),
  },
  {
    name: 'project, connections and environment file',
    inputs: inputsOf({ seeds: projectSeeds, tokens: tokensOf(...projectSeeds), data: named(asYaml) }),
    read(input) {
      const [path = '', ...text] = input.split('\u0001');
      return readFolder({ 'sluice.yaml': MANIFEST, [path]: text.join('\u0001') });
    },
  },
  {
    name: 'case file',
    inputs: inputsOf({
      seeds: [FILES['tests/opened.yaml'] as string],
      tokens: tokensOf(FILES['tests/opened.yaml'] as string),
      data: asYaml,
    }),
    read: (text) => readFolder({ 'sluice.yaml': MANIFEST, 'tests/opened.yaml': text }),
  },
  {
    name: 'state machine file',
    inputs: inputsOf({ seeds: [seeds.MACHINE], tokens: tokensOf(seeds.MACHINE), data: asYaml }),
    read(text) {
      const tree = readFolder({ 'sluice.yaml': MANIFEST, 'machines/order.yaml': text });
      return Machine.safeParse(tree?.machines.order).success;
    },
  },
  {
    name: 'project as JSON',
    inputs: inputsOf({ seeds: trees, tokens: tokensOf(...trees), data: asJsonText }),
    read(text) {
      const value = jsonOf(text);
      if (!isJsonObject(value)) return undefined;
      const tree = parse(Tree, value, 'The project');
      const problems = validateTree(tree, catalog);
      contentHash(tree);
      execHash(tree);
      if (problems.some(({ severity }) => severity === 'error')) return problems.length;
      for (const workflowId of Object.keys(tree.workflows)) compilePlan(tree, workflowId);
      return 0;
    },
  },
  {
    name: 'edge',
    inputs: inputsOf({ seeds: seeds.EDGES, tokens: [...tokensOf(...seeds.EDGES), 'a.b', 'main', '__proto__'] }),
    read(text) {
      const key = parseEdgeText(text, (name) => (Object.hasOwn(stepNames, name) ? stepNames[name] : undefined));
      if (key !== undefined && !EdgeKey.safeParse(key).success) broken(`${key} is no edge.`);
      return key;
    },
  },
  {
    name: 'expression',
    inputs: inputsOf({
      seeds: seeds.EXPRESSIONS,
      tokens: tokensOf(...seeds.EXPRESSIONS),
      grammar: expressionText.map((text) => (text.length % 3 === 0 ? `{{ ${text} }}` : `=${text}`)),
    }),
    read(text) {
      references(text);
      rewriteReferences(text, (name) => `${name}'\``);
      complete(text, text.length, testScope());
      return compileExpression(text).evaluate(testScope());
    },
  },
  {
    name: 'schedule',
    inputs: inputsOf({
      seeds: seeds.CRONS.flatMap((cron) => seeds.ZONES.slice(0, 3).map((zone) => `${zone}\u0001${cron}`)),
      tokens: [...tokensOf(...seeds.CRONS), ' ', ' ', '*/', '0', '59', '99', 'FEB', 'SUN', '\u0001', ...seeds.ZONES],
      grammar: schedules,
    }),
    read(input) {
      const [zone = '', ...cron] = input.split('\u0001');
      const fires = nextFires(cron.join(' '), zone, Date.UTC(2026, 2, 28, 23), 3);
      if (fires.some((at, index) => !(at > (fires[index - 1] ?? Date.UTC(2026, 2, 28, 23)))))
        broken('Time stands still.');
      return fires;
    },
  },
  {
    name: 'journal',
    inputs: inputsOf({ seeds: journals, tokens: tokensOf(...journals), data: eventLines }),
    read: readJournal,
  },
  {
    name: 'tape',
    inputs: inputsOf({ seeds: tapes, tokens: ['\x1f\x8b\x08\0', '\0\0\0\0', '\xff\xff\xff\xff'], data: tapeParts }),
    read(text) {
      const read = readTape(Buffer.from(text, 'latin1'));
      return caseOfTape(read, 'A case');
    },
  },
  {
    name: 'webhook body',
    inputs: inputsOf({ seeds: seeds.BODIES, tokens: tokensOf(...seeds.BODIES) }),
    read(input) {
      const [type = '', ...body] = input.split('\u0001');
      const text = body.join('\u0001');
      const rawBody = Buffer.from(text, text.length % 5 === 0 ? 'latin1' : 'utf8');
      const headers = { 'content-type': type, __proto__: 'x', 'x-a': ['1', '2'] };
      const { json } = hookItem({ method: 'post', path: '/h', query: text.slice(0, 200), headers, rawBody });
      JSON.stringify(json);
      return json;
    },
  },
  {
    name: 'CSV',
    inputs: inputsOf({ seeds: seeds.CSVS, tokens: [...tokensOf(...seeds.CSVS), '""', '",', '\n"', '__proto__'] }),
    async read(text) {
      const [ragged, types, trim] = [text.length % 2 === 0, text.length % 3 === 0, text.length % 5 === 0];
      const config = { from: 'text', text, ragged, types, trim, delimiter: text.length % 7 === 0 ? ';' : ',' };
      const { error } = await world.run(readCsv, config, [{ json: {} }]);
      const failed = error?.[0]?.json.error as { code: string; message: string } | undefined;
      if (failed) throw SluiceError.fromWire(failed);
    },
  },
  {
    name: 'XML',
    inputs: inputsOf({
      seeds: seeds.XMLS,
      tokens: [
        ...tokensOf(...seeds.XMLS),
        '<a>',
        '</a>',
        '<__proto__>',
        '&#0;',
        '&#x110000;',
        '&lt;',
        '<!DOCTYPE a [',
        ']>',
      ],
      grammar: elements,
    }),
    read: (text) => xmlToJson(text, { attributes: '@', lists: ['line'], typed: text.length % 2 === 0 }),
  },
  {
    name: 'HTML',
    inputs: inputsOf({
      seeds: seeds.PAGES.flatMap((page) => seeds.SELECTORS.map((selector) => `${selector}\u0001${page}`)),
      tokens: [
        ...tokensOf(...seeds.PAGES, ...seeds.SELECTORS),
        '<div>',
        '</div>',
        '<svg>',
        '<table>',
        '<!--',
        '\u0001',
      ],
    }),
    async read(input) {
      const [selector = '', ...rest] = input.split('\u0001');
      const page = await parseHtml(rest.join(''));
      readableText(page.children);
      const select = await createSelect(page);
      return select(selector, 100).length;
    },
  },
  {
    name: 'Markdown',
    inputs: inputsOf({
      seeds: [...seeds.MARKDOWNS, ...seeds.PAGES],
      tokens: [...tokensOf(...seeds.MARKDOWNS), '> ', '- ', '1. ', '**', '_', '[', '](', '<b>', '\n\n', '    ', '|'],
    }),
    async read(text) {
      await world.run(markdown, { to: 'html', rawHtml: text.length % 2 ? 'remove' : 'escape' }, [{ json: { text } }]);
      if (text.length % 4 === 0) await world.run(markdown, { to: 'markdown' }, [{ json: { text } }]);
    },
  },
  {
    name: 'ZIP archive',
    inputs: inputsOf({
      seeds: [seeds.ZIP],
      tokens: ['PK\x03\x04', 'PK\x01\x02', 'PK\x05\x06', '\0\0', '\xff\xff', '\x08\0', '../'],
    }),
    read: (text) => unzip(Buffer.from(text, 'latin1'), { entries: 100, bytes: 1_000_000, ratio: 100 }),
  },
];

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
