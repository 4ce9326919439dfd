import { z } from 'zod';
import { catalog as stepCatalog } from '#runtime/connectors/registry.ts';
import { replayTape } from '#runtime/tape/replayTape.ts';
import { readTape } from '#runtime/tape/tape.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import { RunEvent } from '#shared/run/events.ts';
import { Item, Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { RUN_ID, type RunSketch, runTree, type Sketch, sketchTree, WORKFLOW_ID } from '../fixtures/engine.ts';
import { asJsonText, inputsOf, tokensOf } from './inputs.ts';
import { eventLines, type Parser, tapes } from './parsers.ts';
import * as seeds from './seeds.ts';
import { tapeParts } from './tapeParts.ts';

/** Small enough that no definition keeps a run busy. */
const LIMITS = { loopIterations: 40, stepRuns: 300, depth: 4, stepTimeoutMs: 2_000, runTimeoutMs: 10_000 };

/** Steps of many types in a row. One that refuses what it is given lets it pass, so that the next sees it too. */
const WIDE: Sketch = {
  steps: Object.fromEntries(
    Object.entries({
      start: ['trigger.manual', {}],
      set: [
        'items.set',
        { fields: { a: '=$json.a', n: '=$itemIndex', text: "={{ $json.name ?? 'none' }} {{ $json.list }}" } },
      ],
      rename: ['items.rename', { fields: [{ from: 'a', to: 'b' }] }],
      sort: ['items.sort', { by: [{ field: 'n' }] }],
      removes: ['items.removeDuplicates', { fields: ['name'], compare: 'some_fields' }],
      total: ['items.splitOut', { field: 'list', keepOthers: true }],
      when: ['flow.if', { when: '=$json.n > 0' }],
      each: ['flow.loop', { batch: 2 }],
      date: ['data.dateTime', { action: 'format', date: '=$json.at', writes: 'iso' }],
      xml: ['data.xml', { to: 'xml', data: '={{ { root: $json } }}' }],
      back: ['data.xml', { xml: '=$json.xml' }],
      page: ['data.html', { html: '=$json.html ?? $json.xml', values: [{ key: 'p', selector: 'p' }] }],
      mark: ['data.markdown', { text: '=$json.name' }],
      valid: ['data.validate', { schema: '=$json.schema ?? {}' }],
      kept: ['table.insert', { table: 'seen', key: '=$json.name', row: '=$json' }],
      asked: ['table.query', { table: 'seen', where: { n: { gt: '=$json.n' } } }],
      sum: ['items.summarize', { values: [{ field: 'n', operation: 'sum' }], groupBy: ['name'] }],
      csv: ['csv.write', {}],
      made: ['data.template', { make: 'one_for_all', text: '{{ $json.rows }}' }],
      sent: [
        'http.request',
        { method: 'POST', url: 'https://r.example', body: '=$json', idempotencyHeader: 'Idempotency-Key' },
      ],
      answer: ['flow.respond', { status: 200, body: '=$items.length' }],
    }).map(([id, [uses, config]]) => [
      id,
      {
        uses: uses as string,
        config: config as JsonObject,
        ...(id === 'start' ? {} : { onError: 'continue' as const }),
      },
    ]),
  ),
  edges: [
    ...['start -> set', 'set -> rename', 'rename -> sort', 'sort -> removes', 'removes -> total', 'total -> when'],
    ...['when.true -> each', 'when.false -> each', 'each.loop -> date', 'date -> xml', 'xml -> back', 'back -> page'],
    ...['page -> mark', 'mark -> valid', 'valid -> kept', 'kept -> each.next', 'each.done -> asked', 'asked -> sum'],
    ...['sum -> csv', 'csv -> made', 'made -> sent', 'sent -> answer'],
  ],
};
const wideTree = sketchTree(WIDE);
const ITEMS: JsonObject[] = [
  { name: 'Ada', at: '2026-03-01T09:00:00Z', list: [{ q: 1 }, { q: 2 }], html: '<p>x</p>', a: { b: [1, null] } },
  { name: 'Bob', at: 1_772_355_600_000, list: [], schema: { type: 'object', required: ['name'] }, n: -1 },
];
const wideSeeds = [JSON.stringify(wideTree), ...seeds.JOURNALS.slice(0, 3).map(({ tree }) => JSON.stringify(tree))];
const itemSeeds = [JSON.stringify(ITEMS.map((json) => ({ json })))];
const journals = seeds.JOURNALS.slice(0, 6);
const journalSeeds = journals.map(({ events }, index) => eventLines.write([index, ...(events as unknown as Json[])]));
const catalog = stepCatalog();

/** Runs it to its end. A run may fail; what fails it must have a name. */
async function run(tree: Tree, options: RunSketch): Promise<unknown> {
  const { outcome, logs } = await runTree(tree, {
    limits: LIMITS,
    http: () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: { ok: true } }),
    ...options,
  });
  const { error } = outcome;
  if (error?.code === 'internal')
    throw new TypeError(`The run failed: ${logs.map(({ message }) => message).join('; ')}`);
  for (const { message } of logs)
    if (/^\w*Error: /.test(message)) throw new TypeError(`The run wrote down: ${message}`);
  if (error) throw SluiceError.fromWire(error);
  return outcome.status;
}

/** What any JSON value goes through where it stands for a definition, items, a journal or a tape, to the end of a run. */
export const VALUES: readonly Parser[] = [
  {
    name: 'any JSON as a definition',
    inputs: inputsOf({ seeds: wideSeeds, tokens: tokensOf(...wideSeeds), data: asJsonText }),
    async read(text) {
      const value = jsonOf(text);
      const tree = parse(Tree, isJsonObject(value) ? value : {}, 'The project', 'project.invalid');
      validateTree(tree, catalog);
      if (!Object.hasOwn(tree.workflows, WORKFLOW_ID)) throw new SluiceError('workflow.not_found', 'It is not there.');
      return run(tree, { items: ITEMS });
    },
  },
  {
    name: 'any JSON as items',
    inputs: inputsOf({ seeds: itemSeeds, tokens: tokensOf(...itemSeeds), data: asJsonText }),
    read(text) {
      const items = parse(z.array(Item), jsonOf(text), 'The items');
      return run(wideTree, { items: items.map(({ json }) => json) });
    },
  },
  {
    name: 'any JSON as a journal',
    inputs: inputsOf({ seeds: journalSeeds, tokens: tokensOf(...journalSeeds), data: eventLines }),
    async read(text) {
      const [which, ...lines] = text.split('\n');
      const events = lines.flatMap((line) => {
        const { success, data } = RunEvent.safeParse(jsonOf(line));
        // A journal that has come to its end leaves nothing to do.
        return success && data.type !== 'run.ended' ? [data] : [];
      });
      const { tree, items } = journals[Math.abs(Number(which)) % journals.length] ?? (journals[0] as seeds.Golden);
      const numbered = events.map((event, index) => ({ ...event, runId: RUN_ID, seq: index + 1 }));
      return run(tree, { events: numbered, items: Array.from({ length: items }, (_, n) => ({ n })), trigger: 'start' });
    },
  },
  {
    name: 'any JSON as a tape',
    inputs: inputsOf({ seeds: tapes, tokens: ['\0'], data: tapeParts }),
    async read(text) {
      const sandbox = {
        run: () => Promise.reject(new SluiceError('code.failed', 'No scripts.')),
        close: async () => {},
      };
      const { result } = await replayTape(readTape(Buffer.from(text, 'latin1')), { sandbox });
      return result;
    },
  },
];

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
