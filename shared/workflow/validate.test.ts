import { describe, expect, it } from 'vitest';
import { outputPorts } from './catalog.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES } from './example.fixture.ts';
import type { Problem } from './problem.ts';
import { type ProjectFiles, readProject } from './readProject.ts';
import type { Tree } from './tree.ts';
import { MAX_STEPS, validateTree } from './validate.ts';

const catalog = EXAMPLE_CATALOG;

function validate(files: ProjectFiles): Problem[] {
  const { tree, problems, sources } = readProject(files, catalog);
  expect(problems).toEqual([]);
  return tree ? validateTree(tree, catalog, sources) : [];
}

/** Validates one workflow; its lines count from 1. */
function problemsOf(text: string, more: ProjectFiles = {}): Problem[] {
  return validate({ 'sluice.yaml': EXAMPLE_FILES['sluice.yaml'] as string, 'workflows/a.yaml': text, ...more });
}

const flow = (steps: string, edges = '') =>
  `name: A\nsteps:\n  start: { uses: trigger.manual }\n${steps}${edges && `edges:\n${edges}`}`;

/** The word at a problem's place. */
const at = (text: string, problem: Problem | undefined, length: number) =>
  text.split('\n')[(problem?.line ?? 0) - 1]?.slice((problem?.column ?? 0) - 1, (problem?.column ?? 0) - 1 + length);

it('finds nothing wrong with the example', () => {
  expect(validate(EXAMPLE_FILES)).toEqual([]);
});

describe('steps', () => {
  it('names an unknown type, where it stands, and the nearest one', () => {
    const [problem, ...rest] = problemsOf(flow('  a:\n    uses: http.requets\n', '  - start -> a\n'));
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({
      file: 'workflows/a.yaml',
      line: 5,
      column: 11,
      severity: 'error',
      code: 'step.type_unknown',
      stepId: 'a',
      field: 'uses',
      advice: 'Did you mean "http.request"?',
    });
  });

  it.each([
    ['method: GET', 'config.missing', 'config.url', /"url" is missing/, 5, 5],
    ['url: x, metod: GET', 'config.unknown', 'config.metod', /no field "metod"/, 5, 23],
    ['url: x, method: FETCH', 'config.invalid', 'config.method', /one of "GET"/, 5, 31],
    ['url: ""', 'config.invalid', 'config.url', /must not be empty/, 5, 20],
    [
      'url: x, retries: 1.5',
      'config.invalid',
      'config.retries',
      /must be a whole number, but is a number \(1.5\)/,
      5,
      32,
    ],
    ['url: [x]', 'config.invalid', 'config.url', /must be text, but is a list/, 5, 20],
  ])('checks the config { %s }', (config, code, field, message, line, column) => {
    const [problem, ...rest] = problemsOf(
      flow(`  a: # here\n    config: { ${config} }\n    uses: http.request\n`, '  - start -> a\n'),
    );
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({ code, field, line, column });
    expect(problem?.message).toMatch(message);
  });

  it('accepts an expression for any type, but not where a field is literal', () => {
    expect(
      problemsOf(
        flow(
          '  a: { uses: http.request, config: { url: "{{ $json.u }}", method: =$json.m, retries: =1 } }\n',
          '  - start -> a\n',
        ),
      ),
    ).toEqual([]);
    const literal = flow('  a: { uses: code.typescript, config: { script: =x.ts } }\n', '  - start -> a\n');
    expect(problemsOf(literal)).toMatchObject([{ code: 'script.not_found', line: 4 }]);
  });

  it('says where an expression does not parse, to the character', () => {
    const plain = flow('  a: { uses: flow.if, config: { when: "=$json.a + " } }\n', '  - start -> a\n');
    const [first] = problemsOf(plain);
    expect(first).toMatchObject({ code: 'expression.syntax', line: 4, field: 'config.when', stepId: 'a' });
    const block = flow(
      '  a:\n    uses: flow.if\n    config:\n      when: |-\n        =$json.a +\n          $jsn.b\n',
      '  - start -> a\n',
    );
    const [second] = problemsOf(block);
    expect(second?.line).toBe(9);
    expect(at(block, second, 4)).toBe('$jsn');
    const escaped = flow('  a: { uses: flow.if, config: { when: "=\\"a\\" + process.env" } }\n', '  - start -> a\n');
    const [third] = problemsOf(escaped);
    expect(at(escaped, third, 7)).toBe('process');
    const single = flow("  a: { uses: flow.if, config: { when: '=''a'' + process.env' } }\n", '  - start -> a\n');
    expect(at(single, problemsOf(single)[0], 7)).toBe('process');
  });

  it('names a step that an expression refers to and that is not there', () => {
    const text = flow(
      '  score_m4t8: { uses: items.set, config: { fields: { x: "=1 + $(\'score_m4t9\').first().json.x" } } }\n',
      '  - start -> score_m4t8\n',
    );
    const [problem, ...rest] = problemsOf(text);
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({
      severity: 'error',
      code: 'step.not_found',
      advice: "Did you mean $('score_m4t8')?",
    });
    expect(at(text, problem, 10)).toBe('score_m4t9');
  });

  it('warns of variables that no environment has', () => {
    const text = flow(
      '  a: { uses: items.set, config: { fields: { x: "{{ $env.treshold }} {{ $vars.threshold }}" } } }\n',
      '  - start -> a\n',
    );
    const [problem, ...rest] = problemsOf(text, { 'environments/local.yaml': 'vars: { threshold: 1 }\n' });
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({
      severity: 'warning',
      code: 'environment.variable_unknown',
      advice: 'Did you mean $env.threshold?',
    });
    expect(at(text, problem, 8)).toBe('treshold');
  });

  it('checks connections, scripts, workflows, schedules, time zones, names and versions', () => {
    const text = `name: A
settings: { timezone: Europe/Berln }
steps:
  t: { uses: trigger.schedule, config: { cron: "0 25 * * *" } }
  u: { uses: trigger.schedule, config: { cron: "* * * * *", timezone: Mars } }
  a: { uses: http.request, config: { url: x }, connection: trakcer }
  b: { uses: http.request, config: { url: x }, connection: hook }
  c: { uses: code.typescript, config: { script: scripts/scor.ts } }
  d: { uses: flow.runWorkflow, config: { workflow: b } }
  e: { uses: items.set, version: 2, name: d }
edges: [t -> a, u -> b, a -> c, b -> d, c -> e]
`;
    const files = {
      'connections.yaml': 'tracker: { connector: http }\nhook: { connector: webhook }\n',
      'scripts/score.ts': 'x',
    };
    expect(problemsOf(text, files).map(({ line, code, field, advice }) => [line, code, field, advice])).toEqual([
      [2, 'config.invalid', 'settings.timezone', 'Write a name like "Europe/Berlin" or "UTC".'],
      [10, 'step.name_taken', 'name', 'Give one of them another name, so that people can tell them apart.'],
      [4, 'config.invalid', 'config.cron', expect.stringContaining('0 7 * * 1-5')],
      [5, 'config.invalid', 'config.timezone', 'Write a name like "Europe/Berlin" or "UTC".'],
      [6, 'connection.not_found', 'connection', 'Did you mean "tracker"?'],
      [7, 'connection.wrong_connector', 'connection', 'Choose another connection.'],
      [8, 'script.not_found', 'config.script', 'Did you mean "scripts/score.ts"?'],
      [9, 'workflow.not_found', 'config.workflow', 'Choose a workflow of this project.'],
      [10, 'step.version_unknown', 'version', 'Install the newest Sluice.'],
    ]);
  });
});

describe('edges', () => {
  it.each([
    ['start -> b', 'edge.dangling', /"b" that is not there/],
    ['c -> a', 'edge.dangling', /comes from a step "c"/],
    ['start.tru -> a', 'edge.port_unknown', /no output port "tru"/],
    ['a.main -> a.nxt', 'edge.port_unknown', /no input port "nxt"/],
    ['a -> start', 'edge.into_trigger', /takes no input/],
    ['start.error -> a', 'edge.port_unknown', /no output port "error"/],
  ])('refuses %s with its line', (edge, code, message) => {
    const [problem, ...rest] = problemsOf(flow('  a: { uses: items.set }\n', `  - start -> a\n  - ${edge}\n`));
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({ severity: 'error', code, line: 7, column: 5 });
    expect(problem?.message).toMatch(message);
  });

  it('knows the ports that a config makes, and error', () => {
    const info = catalog['flow.switch'];
    if (!info) throw new Error('missing');
    expect(outputPorts(info, { cases: [{ port: 'bug', when: true }, { port: 'bug', when: 1 }, 3] })).toEqual([
      'bug',
      'else',
      'error',
    ]);
    const text = flow(
      '  s: { uses: flow.switch, config: { cases: [{ port: bug, when: =true }] } }\n  a: { uses: items.set }\n',
      '  - start -> s\n  - s.bug -> a\n  - s.else -> a\n  - s.error -> a\n  - s.main -> a\n',
    );
    expect(problemsOf(text)).toMatchObject([{ code: 'edge.port_unknown', line: 11 }]);
  });

  it('lets one edge only into a port that says so', () => {
    const text = flow(
      '  a: { uses: items.set }\n  g: { uses: ai.agent }\n',
      '  - start -> a\n  - start -> g\n  - a -> g.model\n  - start -> g.model\n',
    );
    expect(problemsOf(text)).toMatchObject([{ code: 'edge.port_taken', line: 10 }]);
  });

  it('warns of steps that nothing reaches, also in a circle, and refuses a workflow without trigger', () => {
    const text = flow('  a: { uses: items.set }\n  b: { uses: items.set }\n', '  - a -> b\n  - b -> a\n');
    expect(problemsOf(text)).toMatchObject([
      { severity: 'warning', code: 'step.not_reached', stepId: 'a', line: 4, column: 3 },
      { severity: 'warning', code: 'step.not_reached', stepId: 'b', line: 5, column: 3 },
    ]);
    expect(problemsOf('name: A\nsteps:\n  a: { uses: items.set }\n')).toMatchObject([
      { code: 'workflow.no_trigger', line: 2, column: 1 },
    ]);
    expect(problemsOf('name: A\n')).toEqual([]);
  });
});

describe('the rest of a project', () => {
  it('checks what environments and cases refer to', () => {
    const files = {
      'environments/local.yaml': 'vars: {}\nbindings: { trackr: x }\n',
      'connections.yaml': 'tracker: { connector: http }\n',
      'tests/one.yaml': 'name: One\nworkflow: a\ntrigger: strat\nitems: []\nexpect: {}\n',
      'tests/two.yaml': 'name: Two\nworkflow: 0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a09\nitems: []\nexpect: {}\n',
    };
    expect(problemsOf(flow(''), files)).toMatchObject([
      {
        severity: 'warning',
        file: 'environments/local.yaml',
        line: 2,
        column: 13,
        code: 'connection.not_found',
        advice: 'Did you mean "tracker"?',
      },
      { file: 'tests/one.yaml', line: 3, column: 10, code: 'step.not_found', advice: 'Did you mean "start"?' },
      { file: 'tests/two.yaml', line: 2, column: 11, code: 'workflow.not_found' },
    ]);
  });

  it('refuses more steps than the desktop takes', () => {
    const { tree } = readProject(
      { 'sluice.yaml': EXAMPLE_FILES['sluice.yaml'] as string, 'workflows/a.yaml': flow('') },
      catalog,
    );
    const [id = ''] = Object.keys(tree?.workflows ?? {});
    const steps = tree?.workflows[id]?.steps as Record<string, unknown>;
    for (let i = 0; i < MAX_STEPS; i++) steps[`s${i}`] = { ...(steps.start as object), name: `s${i}` };
    const problems = tree ? validateTree(tree, catalog) : [];
    expect(problems).toMatchObject([{ code: 'workflow.too_big', file: 'workflows/a.yaml', line: 1 }]);
    expect(problems[0]?.message).toContain('5001 steps');
  });
});

it('looks again at what depends on the rest of the project, though the steps themselves stayed', () => {
  const { tree } = readProject(EXAMPLE_FILES, catalog);
  if (!tree) throw new Error('The example can be read.');
  expect(validateTree(tree, catalog)).toEqual([]);
  const without = (change: Partial<Tree>) => validateTree({ ...tree, ...change }, catalog).map(({ code }) => code);
  expect(new Set(without({ connections: {} }))).toContain('connection.not_found');
  expect(new Set(without({ scripts: {} }))).toContain('script.not_found');
  expect(new Set(without({ environments: {} }))).toContain('environment.variable_unknown');
  for (const [id, workflow] of Object.entries(tree.workflows)) {
    for (const gone of Object.keys(workflow.steps)) {
      const { [gone]: _, ...steps } = workflow.steps;
      const changed = { ...tree, workflows: { ...tree.workflows, [id]: { ...workflow, steps } } };
      // The same as where nothing was seen before.
      expect(validateTree(changed, catalog)).toEqual(validateTree(structuredClone(changed), structuredClone(catalog)));
    }
  }
  expect(validateTree(tree, catalog)).toEqual([]);
});
