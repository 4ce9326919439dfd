import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import { type ProjectFiles, projectFiles, readProject, writeProject } from './files.ts';
import { derivedId, sha256Hex } from './hash.ts';
import { setIn } from './plainData.ts';
import { Tag, type Tree } from './tree.ts';

fc.configureGlobal(drawn);

const catalog = EXAMPLE_CATALOG;
const WORKFLOW = 'workflows/triage.yaml';

function read(files: ProjectFiles): Tree {
  const { tree, problems } = readProject(files, catalog);
  expect(problems).toEqual([]);
  return tree as Tree;
}

function change(tree: Tree, path: string[], value: unknown): Tree {
  const changed = setIn(tree, path, value as never);
  if (!changed) throw new Error(`no ${path.join('/')}`);
  return changed;
}

/** Applies the changes and returns the lines that differ, by file. */
function save(tree: Tree, files: ProjectFiles, pins: Record<string, string> = {}) {
  const changes = projectFiles(tree, files, { catalog, pins });
  const after: ProjectFiles = { ...files };
  for (const [path, text] of Object.entries(changes)) {
    if (text === null) delete after[path];
    else after[path] = text;
  }
  return { changes, after };
}

function changedLines(before: string, after: string): { removed: string[]; added: string[] } {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return { removed: a.slice(head, a.length - tail), added: b.slice(head, b.length - tail) };
}

/** Changes one place of the example's workflow and says which lines of the file differ. */
function edited(path: string[], value: unknown, files = EXAMPLE_FILES) {
  const tree = change(read(files), ['workflows', TRIAGE, ...path], value);
  const { changes, after } = save(tree, files);
  expect(Object.keys(changes)).toEqual([WORKFLOW]);
  expect(read(after)).toEqual(tree);
  return changedLines(files[WORKFLOW] as string, after[WORKFLOW] as string);
}

const withWorkflow = (text: string): ProjectFiles => ({
  'sluice.yaml': EXAMPLE_FILES['sluice.yaml'] as string,
  'workflows/a.yaml': text,
});
const problemsOf = (text: string) => readProject(withWorkflow(text), catalog).problems;

describe('reading the example', () => {
  it('fills in what files leave out', () => {
    const tree = read(EXAMPLE_FILES);
    const workflow = tree.workflows[TRIAGE];
    expect(workflow?.slug).toBe('triage');
    expect(workflow?.settings).toEqual({
      timezone: 'Europe/Berlin',
      durability: 'step',
      concurrency: 5,
      logLevel: 'info',
      keep: 'all',
    });
    expect(workflow?.steps.each_h6v2).toEqual({
      uses: 'flow.loop',
      version: 1,
      name: 'each_h6v2',
      config: { batch: 10 },
      onError: 'stop',
      mode: 'once',
    });
    expect(workflow?.steps.fresh_2c7x?.mode).toBe('each');
    expect(Object.keys(workflow?.edges ?? {})).toContain('hook_k3f9.main->fresh_2c7x.main');
    expect(workflow?.edges).toHaveProperty(['post_d5w6.main->each_h6v2.next']);
    expect(tree.environments.local?.bindings).toEqual({ tracker: 'tracker-sandbox' });
    expect(tree.scripts['score.ts']).toMatch(/^export default/);
    expect(tree.tests.opened?.now).toBe('2026-11-20T07:00:00Z');
  });

  it('gives objects without a prototype', () => {
    const tree = read(EXAMPLE_FILES);
    expect(Object.getPrototypeOf(tree.workflows)).toBeNull();
    expect(Object.getPrototypeOf(tree.workflows[TRIAGE]?.steps.post_d5w6?.config)).toBeNull();
  });

  it('finds nothing to write where nothing changed', () => {
    expect(projectFiles(read(EXAMPLE_FILES), EXAMPLE_FILES, { catalog })).toEqual({});
  });

  it('survives being written fresh', () => {
    const tree = read(EXAMPLE_FILES);
    const files = writeProject(tree, { catalog });
    expect(read(files)).toEqual(tree);
    expect(files[WORKFLOW]).toContain('  - fresh_2c7x.true -> score_m4t8\n');
    expect(files[WORKFLOW]).toContain('  hook_k3f9: [0, 0]\n');
    expect(files[WORKFLOW]).not.toMatch(/version|durability|onError: stop|\.main/);
  });
});

describe('saving a change', () => {
  it('changes one line for a field inside of braces', () => {
    expect(edited(['steps', 'each_h6v2', 'config', 'batch'], 20)).toEqual({
      removed: ['    config: { batch: 10 }'],
      added: ['    config: { batch: 20 }'],
    });
  });

  it('keeps the comment behind the value and the quotes around it', () => {
    const { removed, added } = edited(['steps', 'post_d5w6', 'config', 'idempotencyHeader'], 'X-Key');
    expect(removed).toEqual(['      idempotencyHeader: Idempotency-Key # makes the effect keyed']);
    expect(added).toEqual(['      idempotencyHeader: X-Key # makes the effect keyed']);
    expect(edited(['steps', 'weekdays_7q2m', 'config', 'cron'], '0 8 * * *').added).toEqual([
      '    config: { cron: "0 8 * * *", overlap: skip, catchUpMinutes: 60 }',
    ]);
  });

  it('puts a new field in its place and takes it out again', () => {
    expect(edited(['steps', 'post_d5w6', 'timeoutMs'], 9000)).toEqual({ removed: [], added: ['    timeoutMs: 9000'] });
    expect(edited(['steps', 'score_m4t8', 'timeoutMs'], undefined)).toEqual({
      removed: ['    timeoutMs: 5000'],
      added: [],
    });
    expect(edited(['steps', 'score_m4t8', 'notes'], 'Two lines\nof text').added).toEqual([
      '    notes: |-',
      '      Two lines',
      '      of text',
    ]);
    expect(edited(['settings', 'concurrency'], undefined).added).toEqual([
      'settings: { timezone: Europe/Berlin, durability: step }',
    ]);
  });

  it('writes tags below the name, on one line', () => {
    expect(edited(['tags'], ['sales', 'month end', '2026'])).toEqual({
      removed: [],
      added: ['tags: [sales, month end, "2026"]'],
    });
    const files = {
      ...EXAMPLE_FILES,
      [WORKFLOW]: `tags: [sales, 2026] # whose it is\n${EXAMPLE_FILES[WORKFLOW] as string}`,
    };
    expect(edited(['tags'], ['sales', '2026', 'eu'], files)).toEqual({
      removed: ['tags: [sales, 2026] # whose it is'],
      added: ['tags: [sales, 2026, eu] # whose it is'],
    });
  });

  it('leaves a written default alone', () => {
    const text = (EXAMPLE_FILES[WORKFLOW] as string).replace(
      '    timeoutMs: 5000\n',
      '    timeoutMs: 5000\n    onError: stop # as ever\n    mode: each\n',
    );
    const files = { ...EXAMPLE_FILES, [WORKFLOW]: text };
    expect(edited(['steps', 'score_m4t8', 'timeoutMs'], 6000, files).added).toEqual(['    timeoutMs: 6000']);
    expect(edited(['steps', 'score_m4t8', 'onError'], 'port', files).added).toEqual(['    onError: port # as ever']);
  });

  it('adds and removes single lines for steps, edges and places', () => {
    const step = {
      uses: 'items.set',
      version: 1,
      name: 'x_1',
      config: { fields: { a: 1 } },
      onError: 'stop',
      mode: 'each',
    };
    expect(edited(['steps', 'x_1'], step).added).toEqual([
      '  x_1:',
      '    uses: items.set',
      '    config: { fields: { a: 1 } }',
    ]);
    expect(edited(['edges', 'count_t5n7.main->answer_r8j5.main'], {})).toEqual({
      removed: [],
      added: ['  - count_t5n7 -> answer_r8j5'],
    });
    expect(edited(['edges', 'post_d5w6.error->failed_x0b4.main'], undefined)).toEqual({
      removed: ['  - post_d5w6.error -> failed_x0b4'],
      added: [],
    });
    expect(edited(['layout', 'hook_k3f9'], [10, 20])).toEqual({
      removed: ['  hook_k3f9: [0, 0]'],
      added: ['  hook_k3f9: [10, 20]'],
    });
    expect(edited(['steps', 'failed_x0b4'], undefined).removed).toEqual([
      '  failed_x0b4:',
      '    uses: items.set',
      '    config: { fields: { problem: =$json.error.message } }',
    ]);
  });

  it('moves a file with its workflow’s slug and keeps its text', () => {
    const tree = change(read(EXAMPLE_FILES), ['workflows', TRIAGE, 'slug'], 'sorting');
    const { changes } = save(tree, EXAMPLE_FILES);
    expect(changes).toEqual({ 'workflows/sorting.yaml': EXAMPLE_FILES[WORKFLOW], [WORKFLOW]: null });
  });

  it('gives the later of two workflows with one slug a number', () => {
    const tree = read(EXAMPLE_FILES);
    const id = '0199f2c4-7000-7c11-8b7e-2d9f4c5e6a01';
    const both = change(tree, ['workflows', id], { ...tree.workflows[TRIAGE] });
    expect(Object.keys(projectFiles(both, EXAMPLE_FILES, { catalog }))).toEqual(['workflows/triage-2.yaml']);
  });

  it('removes the files of records that are gone, and no others', () => {
    const files = { ...EXAMPLE_FILES, 'README.md': 'mine', 'workflows/notes.txt': 'mine' };
    const tree = { ...read(files), scripts: {}, tests: {}, connections: {} };
    expect(projectFiles(tree, files, { catalog })).toEqual({
      'scripts/score.ts': null,
      'tests/opened.yaml': null,
      'connections.yaml': null,
    });
  });

  it('neither writes nor removes a file that cannot be read', () => {
    const broken = { ...EXAMPLE_FILES, [WORKFLOW]: 'steps: [', 'connections.yaml': 'a: {' };
    const tree = change(read(EXAMPLE_FILES), ['workflows', TRIAGE, 'name'], 'Other');
    expect(projectFiles({ ...tree, connections: {} }, broken, { catalog })).toEqual({});
  });

  it('keeps the line ends of scripts and has LF in the tree', () => {
    const files = { ...EXAMPLE_FILES, 'scripts/score.ts': 'a\r\nb\r\n' };
    const tree = read(files);
    expect(tree.scripts['score.ts']).toBe('a\nb\n');
    const { changes } = save(change(tree, ['scripts', 'score.ts'], 'a\nc\n'), files);
    expect(changes).toEqual({ 'scripts/score.ts': 'a\r\nc\r\n' });
  });

  it('keeps every field of a saved case, also where it begins from and its variables', () => {
    const tree = read(EXAMPLE_FILES);
    const [slug = '', one] = Object.entries(tree.tests)[0] ?? [];
    const full = { ...one, now: '2026-01-01T00:00:00Z', seed: 'a', vars: { threshold: 3 } };
    const { after } = save(change(tree, ['tests', slug], full as never), EXAMPLE_FILES);
    expect(read(after).tests[slug]).toEqual(full);
    expect(read(writeProject(read(after), { catalog }))).toEqual(read(after));
  });

  it('keeps pins by hash and follows a renamed workflow', () => {
    const files = { ...EXAMPLE_FILES, 'tests/pins/triage.score_m4t8.json': '[{"json":{}}]\n' };
    const tree = read(files);
    const hash = sha256Hex('[{"json":{}}]\n');
    expect(tree.pins[TRIAGE]).toEqual({ score_m4t8: { hash, bytes: 14 } });
    expect(projectFiles(tree, files, { catalog })).toEqual({});
    const moved = save(change(tree, ['workflows', TRIAGE, 'slug'], 'sorting'), files).after;
    expect(moved['tests/pins/sorting.score_m4t8.json']).toBe('[{"json":{}}]\n');
    expect(moved).not.toHaveProperty(['tests/pins/triage.score_m4t8.json']);
    const other = change(tree, ['pins', TRIAGE, 'score_m4t8'], { hash: sha256Hex('[]'), bytes: 2 });
    expect(save(other, files).changes).toEqual({});
    expect(save(other, files, { [sha256Hex('[]')]: '[]' }).changes).toEqual({
      'tests/pins/triage.score_m4t8.json': '[]',
    });
    expect(save({ ...tree, pins: {} }, files).changes).toEqual({ 'tests/pins/triage.score_m4t8.json': null });
  });

  it('widens the splice where an alias would change something else', () => {
    const text = `id: ${TRIAGE}\nname: A\nsteps:\n  # first\n  a:\n    uses: items.set\n    config: &shared { fields: { x: 1 } }\n  b:\n    uses: items.set\n    config: *shared\n  # last\n  c:\n    uses: items.set # kept\n`;
    const files: Record<string, string> = { ...EXAMPLE_FILES, [WORKFLOW]: text };
    delete files['tests/opened.yaml'];
    const tree = change(read(files), ['workflows', TRIAGE, 'steps', 'a', 'config', 'fields', 'x'], 2);
    const { after } = save(tree, files);
    expect(read(after)).toEqual(tree);
    expect(read(after).workflows[TRIAGE]?.steps.b?.config).toEqual({ fields: { x: 1 } });
  });
});

/** 500 steps in the many ways in which people write them. */
function handWritten(): string {
  const steps = Array.from({ length: 500 }, (_, i) => {
    const lines = [
      [
        `  step_${i}:   # number ${i}`,
        '      uses:   http.request',
        `      config: {method: POST,   url: 'https://a.example/${i}',body: [1,  2]}`,
        '      timeoutMs:    1000   # slow',
      ],
      [
        `  step_${i}:`,
        '    # what it says',
        `    name: "Say \\"hello\\" ${i}"`,
        '    uses: items.set',
        '    config:',
        '      fields:',
        `        greeting: hello ${i}   # polite`,
        "        quoted:   'it''s'",
        '',
        '        long: |',
        '          one',
        '',
        '          two',
      ],
      [`  step_${i}: {uses: items.set, config: {fields: {n: ${i}}}}`],
    ];
    return (lines[i % 3] as string[]).join('\r\n');
  });
  const edges = Array.from({ length: 499 }, (_, i) => `- step_${i}.main->step_${i + 1}${i % 2 ? '.main  # on' : ''}`);
  return [
    `# Everything by hand`,
    `id: ${TRIAGE}`,
    "name:    'By hand'",
    '',
    'steps:',
    steps.join('\r\n\r\n'),
    '',
    'edges:',
    ...edges,
    '',
    'layout:',
    ...Array.from({ length: 500 }, (_, i) => `  step_${i}: [${i * 10},   0]`),
    '# the end',
  ].join('\r\n');
}

describe('a hand-formatted file of 500 steps with CRLF', () => {
  const files = {
    'sluice.yaml': EXAMPLE_FILES['sluice.yaml'] as string,
    [WORKFLOW]: handWritten(),
    '.gitattributes': 'x',
    '.gitignore': 'x',
  };

  it.each([
    [['steps', 'step_300', 'timeoutMs'], 2500, '      timeoutMs:    2500   # slow\r'],
    [
      ['steps', 'step_300', 'config', 'url'],
      "https://b.example/it's",
      `      config: {method: POST,   url: 'https://b.example/it''s',body: [1,  2]}\r`,
    ],
    [['steps', 'step_301', 'config', 'fields', 'greeting'], 'good day', '        greeting: good day   # polite\r'],
    [['steps', 'step_301', 'config', 'fields', 'long'], 'one\n\nthree\n', '          three\r'],
    [['steps', 'step_301', 'name'], 'Say "bye"', '    name: "Say \\"bye\\""\r'],
    [
      ['steps', 'step_302', 'config', 'fields', 'n'],
      { deep: [1] },
      '  step_302: {uses: items.set, config: {fields: {n: { deep: [1] }}}}\r',
    ],
    [['layout', 'step_499'], [1, 2], '  step_499: [1,   2]\r'],
  ] as const)('changes exactly one line for %j', (path, value, line) => {
    const { removed, added } = edited([...path], value, files);
    expect(removed).toHaveLength(1);
    expect(added).toEqual([line]);
  });

  it('takes one edge out with one line', () => {
    expect(edited(['edges', 'step_7.main->step_8.main'], undefined, files)).toEqual({
      removed: ['- step_7.main->step_8.main  # on\r'],
      added: [],
    });
  });

  it('adds a place at the end with the file’s own line ends', () => {
    const gone = edited(['layout', 'step_499'], undefined, files);
    expect(gone).toEqual({ removed: ['  step_499: [4990,   0]\r'], added: [] });
  });
});

describe('files that cannot be read', () => {
  it.each([
    ['steps:\n  a:\n    uses: items.set\n   config: {}\n', 'file.syntax', 4],
    ['name: x\nsteps: [\n', 'file.syntax', 2],
    ['name: x\nname: y\n', 'file.duplicate_key', 2],
    ['name: x\n<<<<<<< HEAD\nsteps: {}\n=======\n>>>>>>> other\n', 'file.merge_markers', 2],
    ['name: !!js/function x\n', 'file.syntax', 1],
    ['name: x\n---\nname: y\n', 'file.syntax', 2],
    ['a\n', 'file.invalid', 1],
    ['name: x\nsteps:\n  a: { uses: items.set }\nedges:\n  - a to b\n', 'edge.invalid', 5],
    ['name: x\nsteps:\n  a:\n    config: {}\n', 'field.invalid', 3],
    ['name: x\nsteps:\n  A-1: { uses: items.set }\n', 'field.invalid', 3],
    ['name: x\nsteps:\n  a: { uses: items.set }\n__proto__: 1\n', 'file.syntax', 4],
  ])('says where: %j', (text, code, line) => {
    const problems = problemsOf(text);
    expect(problems[0]).toMatchObject({ file: 'workflows/a.yaml', severity: 'error', code, line });
    expect(problems[0]?.advice).not.toBe('');
    expect(readProject(withWorkflow(text), catalog).tree).toBeUndefined();
  });

  it('names an unknown field, its column and the one that was meant', () => {
    const [problem] = problemsOf('name: x\nsteps:\n  a:\n    uses: items.set\n    retries: 3\n');
    expect(problem).toMatchObject({ code: 'field.unknown', line: 5, column: 5, stepId: 'a', field: 'retries' });
    expect(problem?.message).toContain('"retries"');
    const [second] = problemsOf('name: x\nsteps:\n  a: { uses: items.set, timeoutMS: 3 }\n');
    expect(second).toMatchObject({ line: 3, column: 25, advice: 'Did you mean "timeoutMs"?' });
  });

  it('refuses bombs of aliases, depth and size quickly', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${Array(10)
          .fill(i === 0 ? '1' : `*a${i - 1}`)
          .join(', ')}]`,
    );
    expect(problemsOf(levels.join('\n'))[0]?.code).toBe('file.too_large');
    for (const deep of [
      '['.repeat(50_000),
      '- '.repeat(50_000),
      '{a: '.repeat(20_000),
      `${'['.repeat(70)}${']'.repeat(70)}`,
    ]) {
      expect(problemsOf(`name: x\ninputs:\n  x: ${deep}`)[0]?.code).toMatch(/^file\.(too_deep|syntax)$/);
    }
    expect(problemsOf('a: &a [*a]')[0]?.code).toBe('file.syntax');
    expect(problemsOf(`# ${'x'.repeat(1_000_000)}`)[0]?.code).toBe('file.too_large');
  });

  it('refuses a newer format, a missing manifest, a taken id', () => {
    const newer = readProject({ 'sluice.yaml': `id: ${TRIAGE}\nname: x\nformat: 2\n` }, catalog);
    expect(newer.tree).toBeUndefined();
    expect(newer.problems[0]).toMatchObject({ code: 'client.upgrade_required', line: 3 });
    expect(readProject({}, catalog).problems[0]?.code).toBe('project.not_found');
    const copy = readProject({ ...EXAMPLE_FILES, 'workflows/zopy.yaml': EXAMPLE_FILES[WORKFLOW] as string }, catalog);
    expect(copy.problems).toMatchObject([{ file: 'workflows/zopy.yaml', code: 'workflow.id_taken', line: 2 }]);
  });
});

describe('what people type', () => {
  it('takes text fields as they are written', () => {
    const tree = read(
      withWorkflow(
        `name: 1.10\nsteps:\n  a:\n    uses: http.request\n    name: 010\n    config: { url: 1.10, body: 1.10, retries: 010 }\n`,
      ),
    );
    const [workflow] = Object.values(tree.workflows);
    expect(workflow?.name).toBe('1.10');
    expect(workflow?.steps.a).toMatchObject({ name: '010', config: { url: '1.10', body: 1.1, retries: 10 } });
  });

  it('warns of numbers that JSON does not have', () => {
    const { tree, problems } = readProject(
      withWorkflow(
        'name: x\nsteps:\n  a: { uses: items.set, config: { fields: { a: .nan, b: 12345678901234567890 } } }\n',
      ),
      catalog,
    );
    expect(problems.map(({ code, severity, line }) => [code, severity, line])).toEqual([
      ['value.not_finite', 'warning', 3],
      ['value.too_big', 'warning', 3],
    ]);
    expect(Object.values(tree?.workflows ?? {})[0]?.steps.a?.config).toEqual({
      fields: { a: null, b: '12345678901234567890' },
    });
  });

  it('gives a workflow without an id the same one everywhere, and writes it at the next save', () => {
    const files = withWorkflow('# mine\nname: x\n');
    const tree = read(files);
    const id = derivedId('0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55', 'workflows/a.yaml');
    expect(Object.keys(tree.workflows)).toEqual([id]);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(save(tree, files).after['workflows/a.yaml']).toBe(`# mine\nid: ${id}\nname: x\n`);
  });

  it('understands names of steps and slugs of workflows, and writes ids at the next save', () => {
    const text = `id: ${TRIAGE}\nname: x\nsteps:\n  start: { uses: trigger.manual }\n  a_1:\n    name: New issue?\n    uses: items.set\n    config: { fields: { x: "=$('New issue?').item.json.x" } } # mine\n  b_2: { uses: flow.runWorkflow, config: { workflow: a } }\nedges:\n  - start -> New issue?\n  - New issue?.error -> b_2\n`;
    const files = withWorkflow(text);
    const tree = read(files);
    const workflow = tree.workflows[TRIAGE];
    expect(Object.keys(workflow?.edges ?? {})).toEqual(['start.main->a_1.main', 'a_1.error->b_2.main']);
    expect(workflow?.steps.a_1?.config).toEqual({ fields: { x: "=$('a_1').item.json.x" } });
    expect(workflow?.steps.b_2?.config).toEqual({ workflow: TRIAGE });
    const { after } = save(change(tree, ['workflows', TRIAGE, 'name'], 'y'), files);
    expect(after['workflows/a.yaml']).toContain(`x: "=$('a_1').item.json.x" } } # mine`);
    expect(after['workflows/a.yaml']).toContain(`workflow: ${TRIAGE}`);
    expect(read(after).workflows[TRIAGE]?.edges).toEqual(workflow?.edges);
  });
});

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
