import { describe, expect, it } from 'vitest';
import { EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import { catalog, change, problemsOf, read, save, WORKFLOW, withWorkflow } from './files.fixture.ts';
import { projectFiles, readProject, writeProject } from './files.ts';
import { derivedId } from './hash.ts';

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
