import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import { catalog, read, save } from './files.fixture.ts';
import { projectFiles, writeProject } from './files.ts';
import { setIn } from './plainData.ts';
import { Tag, type Tree } from './tree.ts';

fc.configureGlobal(drawn);

const word = fc
  .oneof(
    fc.stringMatching(/^[a-z][a-z_]{0,7}$/),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom(
      'yes',
      '1.10',
      '010',
      '=a',
      '# x',
      'a: b',
      '- x',
      '{{ $json.a }}',
      'é\u2028',
      ' x ',
      'x\r\ny',
      'null',
      '0x1f',
      '1e3',
      '---',
      '<<',
      '2026-11-20',
    ),
  )
  .filter((text) => text.isWellFormed() && !text.includes('\0') && text !== '__proto__');
const texts = fc.oneof(
  word,
  fc.array(word, { maxLength: 4 }).map((lines) => lines.join('\n')),
);
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    texts,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('json'), { maxLength: 4 }),
    tie('map'),
  ),
  map: fc.dictionary(word, tie('json'), { maxKeys: 4, noNullPrototype: true }),
}));
const config = fc.dictionary(word, json as fc.Arbitrary<never>, { maxKeys: 5, noNullPrototype: true });
const stepId = fc.constantFrom('a', 'b', 'c_1', 'd_2', 'e', 'null', 'yes');
const title = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));
const step = fc.record(
  {
    uses: fc.constantFrom('items.set', 'flow.loop', 'unknown.type'),
    version: fc.integer({ min: 1, max: 3 }),
    name: title,
    config,
    onError: fc.constantFrom('stop', 'continue', 'port'),
    mode: fc.constantFrom('each', 'once'),
    timeoutMs: fc.integer({ min: 1, max: 1000 }),
    notes: texts,
    disabled: fc.constant(true),
    retry: fc.record({
      count: fc.integer({ min: 0, max: 3 }),
      delayMs: fc.integer({ min: 0, max: 9 }),
      backoff: fc.constantFrom('fixed', 'exponential'),
    }),
  },
  { requiredKeys: ['uses', 'version', 'name', 'config', 'onError', 'mode'] },
);
const tag = fc.oneof(
  fc.constantFrom('2026', '1.10', 'yes', 'null', '~', '#a', 'a: b', '- x', 'month end', '[x]', 'ä, ö'),
  title.filter((text) => Tag.safeParse(text).success),
);
const workflow = fc.record({
  slug: fc.constant('flow'),
  name: title,
  settings: fc.record(
    {
      durability: fc.constantFrom('step', 'run'),
      logLevel: fc.constantFrom('info', 'warn'),
      keep: fc.constantFrom('all', 'none'),
      timezone: fc.constantFrom('UTC', 'Europe/Berlin'),
      concurrency: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ['durability', 'logLevel', 'keep'] },
  ),
  steps: fc.dictionary(stepId, step, { maxKeys: 5, noNullPrototype: true }),
  edges: fc.dictionary(
    fc
      .tuple(stepId, fc.constantFrom('main', 'error', 'true'), stepId, fc.constantFrom('main', 'next'))
      .map(([a, o, b, i]) => `${a}.${o}->${b}.${i}`),
    fc.constant({}),
    { maxKeys: 5, noNullPrototype: true },
  ),
  layout: fc.dictionary(stepId, fc.tuple(fc.integer(), fc.integer()), { maxKeys: 4, noNullPrototype: true }),
  ...{ tags: fc.option(fc.uniqueArray(tag, { minLength: 1, maxLength: 4 }), { nil: undefined }) },
});
const project = fc.record({
  project: fc.record({ id: fc.constant('0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55'), name: title, format: fc.constant(1) }),
  workflows: fc.record({ [TRIAGE]: workflow }, { requiredKeys: [] }),
  scripts: fc.dictionary(
    fc.constantFrom('a.ts', 'lib/b.js', 'c.py'),
    word.map((text) => text.replaceAll('\r', '')),
  ),
  machines: fc.dictionary(fc.constantFrom('m', '0'), config),
  environments: fc.dictionary(
    fc.constantFrom('local', 'production'),
    fc.record({
      vars: fc.dictionary(fc.constantFrom('a', '$b', 'null'), json as fc.Arbitrary<never>),
      bindings: fc.dictionary(fc.constantFrom('x', '0x1'), fc.constantFrom('y', '10')),
    }),
  ),
  connections: fc.dictionary(fc.constantFrom('x', 'yes', '0'), fc.record({ connector: fc.constantFrom('http', '1') })),
  tests: fc.constant({}),
  pins: fc.constant({}),
}) as unknown as fc.Arbitrary<Tree>;

/** An end of an edge that is no step's id is read as a name, so it must not be one by accident. */
function namesNobody({ workflows }: Tree): boolean {
  return Object.values(workflows).every(({ steps, edges }) => {
    const names = Object.values(steps).map((one) => one.name);
    const ends = Object.keys(edges).flatMap((key) => key.split('->').map((end) => end.split('.')[0] ?? ''));
    return ends.every((end) => Object.hasOwn(steps, end) || !names.includes(end));
  });
}

/** JSON as it is kept: no -0. */
const settled = (tree: Tree): Tree => JSON.parse(JSON.stringify(tree)) as Tree;

describe('any project', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(project.filter(namesNobody), (tree) => {
        expect(read(writeProject(tree, { catalog }))).toEqual(settled(tree));
      }),
      { numRuns: 150 },
    );
  });

  it('is read as it was changed, whatever the change, with both line ends', () => {
    fc.assert(
      fc.property(project.filter(namesNobody), project.filter(namesNobody), fc.boolean(), (before, next, windows) => {
        const fresh = writeProject(before, { catalog });
        const files = Object.fromEntries(
          Object.entries(fresh).map(([path, text]) => [path, windows ? text.replaceAll('\n', '\r\n') : text]),
        );
        expect(read(files)).toEqual(settled(before));
        const { after } = save(settled(next), files);
        expect(read(after)).toEqual(settled(next));
        expect(projectFiles(settled(next), after, { catalog })).toEqual({});
      }),
      { numRuns: 150 },
    );
  });

  it('is read as it was changed where only a part of one step changes', () => {
    fc.assert(
      fc.property(workflow, stepId, word, json, (value, id, field, put) => {
        const base = { ...read(EXAMPLE_FILES), tests: {}, workflows: { [TRIAGE]: value } } as unknown as Tree;
        const before = settled(base);
        const files = writeProject(before, { catalog });
        const next = setIn(before, ['workflows', TRIAGE, 'steps', id, 'config', field], settled(put as Tree) as never);
        if (!next) return;
        const { after } = save(next, files);
        expect(read(after)).toEqual(next);
      }),
      { numRuns: 150 },
    );
  });
});
