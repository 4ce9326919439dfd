import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSandbox } from '#runtime/sandbox/sandbox.ts';
import type { JsonObject } from '#shared/json.ts';
import { EXAMPLE_FILES } from '#shared/workflow/example.fixture.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Case, Tree } from '#shared/workflow/tree.ts';
import { type Sketch, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';
import { catalog } from '../connectors/registry.ts';
import type { Sandbox } from './ports/sandbox.ts';
import { runCase } from './runCase.ts';

let sandbox: Sandbox;
beforeAll(() => {
  sandbox = createSandbox();
});
afterAll(() => sandbox.close());

const VARS = { trackerUrl: 'https://tracker.example', threshold: 3 };

function example(change: (saved: Case) => void = () => {}): { tree: Tree; saved: Case } {
  const { tree } = readProject(EXAMPLE_FILES, catalog());
  if (!tree) throw new Error('The example was not read.');
  const saved = structuredClone(tree.tests.opened) as Case;
  change(saved);
  return { tree, saved };
}

const run = (tree: Tree, saved: Case, vars: JsonObject = {}) => runCase(tree, 'opened', saved, { sandbox, vars });

describe('the case of the example project', () => {
  test('passes: the issue is scored in the sandbox, posted once and answered', async () => {
    const { tree, saved } = example();
    expect(await run(tree, saved, VARS)).toEqual({
      id: 'opened',
      name: 'An opened issue is scored and posted once',
      passed: true,
      differences: [],
    });
  });

  test('says where it differs, with what was expected and what came', async () => {
    const { tree, saved } = example((saved) => {
      saved.expect = {
        status: 'failed',
        answer: { status: 200, body: { handled: 2 } },
        steps: { score_m4t8: [{ json: { score: 9 } }] },
        notRun: ['post_d5w6'],
      };
    });
    const { passed, differences } = await run(tree, saved, VARS);
    expect(passed).toBe(false);
    expect(differences.map(({ where }) => where)).toEqual(['status', 'answer', 'steps.score_m4t8', 'notRun.post_d5w6']);
    expect(differences[0]).toEqual({ where: 'status', expected: 'failed', actual: 'succeeded' });
  });

  test('an effect without an answer fails it, and nothing is sent', async () => {
    const { tree, saved } = example((saved) => {
      saved.effects = {};
    });
    const { differences } = await run(tree, saved, VARS);
    expect(differences.map(({ where }) => where)).toContain('notRun.failed_x0b4');
  });

  test('an answer that says no goes where the step sends its errors', async () => {
    const { tree, saved } = example((saved) => {
      saved.effects = { post_d5w6: [{ status: 422, body: { message: 'no such issue' } }] };
      saved.expect = { status: 'succeeded', steps: { failed_x0b4: [{ json: { number: 17 } }] } };
    });
    expect(await run(tree, saved, VARS)).toMatchObject({ passed: true });
  });
});

describe('a case of its own', () => {
  const setUp = (sketch: Sketch, more: Partial<Case>): [Tree, Case] => [
    sketchTree(sketch),
    { name: 'A case', workflow: WORKFLOW_ID, items: [{ json: {} }], expect: { status: 'succeeded' }, ...more },
  ];

  test('has its own time, and waits days in no time', async () => {
    const [tree, saved] = setUp(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          long: { uses: 'flow.wait', config: { forMs: 86_400_000 } },
          stamp: { uses: 'items.set', config: { fields: { at: '=$now.toISODate()' } } },
        },
        edges: ['start -> long', 'long -> stamp'],
      },
      { now: '2026-11-20T07:00:00Z', expect: { steps: { stamp: [{ json: { at: '2026-11-21' } }] } } },
    );
    expect(await run(tree, saved)).toMatchObject({ passed: true, differences: [] });
  });

  test('one that waits for a person is waiting', async () => {
    const [tree, saved] = setUp(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          send: { uses: 'http.request', config: { method: 'POST', url: 'https://tracker.example/' } },
        },
        edges: ['start -> send'],
      },
      { effects: { send: [{ status: 502 }] } },
    );
    expect((await run(tree, saved)).differences).toEqual([
      { where: 'status', expected: 'succeeded', actual: 'waiting' },
    ]);
  });

  test('a list must be as long as expected, and of an object the named fields must be equal', async () => {
    const [tree, saved] = setUp(
      {
        steps: { start: { uses: 'trigger.manual' }, add: { uses: 'items.set', config: { fields: { b: 1 } } } },
        edges: ['start -> add'],
      },
      { items: [{ json: { a: 1 } }, { json: { a: 2 } }] },
    );
    const expecting = (steps: Case['expect']['steps']) => run(tree, { ...saved, expect: { steps } });
    expect(await expecting({ add: [{ json: { a: 1 } }, { json: { b: 1 } }] })).toMatchObject({ passed: true });
    expect(await expecting({ add: [{ json: { a: 1 } }] })).toMatchObject({ passed: false });
    expect(await expecting({ add: [{ json: { a: 1, c: 1 } }, {}] })).toMatchObject({ passed: false });
  });

  test('items that were too many to keep in the journal are compared all the same', async () => {
    const text = 'x'.repeat(2_000_000);
    const [tree, saved] = setUp(
      {
        steps: { start: { uses: 'trigger.manual' }, add: { uses: 'items.set', config: { fields: { b: 1 } } } },
        edges: ['start -> add'],
      },
      { items: [{ json: { text } }], expect: { steps: { add: [{ json: { text, b: 1 } }] } } },
    );
    expect((await run(tree, saved)).passed).toBe(true);
  });

  test('one that does not say which of several triggers starts it is refused, with their names', async () => {
    const [tree, saved] = setUp(
      { steps: { start: { uses: 'trigger.manual' }, other: { uses: 'trigger.manual' } }, edges: [] },
      {},
    );
    await expect(run(tree, saved)).rejects.toMatchObject({ code: 'workflow.invalid', advice: /start, other/ });
    expect(await run(tree, { ...saved, trigger: 'other' })).toMatchObject({ passed: true });
  });
});
