import { describe, expect, it } from 'vitest';
import { EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import { catalog, change, edited, read, save, WORKFLOW } from './files.fixture.ts';
import { projectFiles, writeProject } from './files.ts';
import { sha256Hex } from './hash.ts';

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
