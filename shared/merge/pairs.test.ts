import { expect, test } from 'vitest';
import type { Json } from '../json.ts';
import { applyEdit, type Edit } from '../workflow/edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE as workflowId } from '../workflow/example.fixture.ts';
import { merkleHash } from '../workflow/hash.ts';
import { getIn } from '../workflow/plainData.ts';
import { readProject } from '../workflow/readProject.ts';
import type { Tree } from '../workflow/tree.ts';
import { validateTree } from '../workflow/validate.ts';
import { needsPerson } from './conflict.ts';
import { createModelClient } from './fuzz/modelClient.fixture.ts';
import { createModelServer } from './fuzz/modelServer.fixture.ts';
import { rebaseCommit } from './rebaseCommit.ts';

const example = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const wf = ['workflows', workflowId];
const set = (stepId: string, path: string[], value: Json): Edit => ({
  type: 'setConfig',
  workflowId,
  stepId,
  path,
  value,
});
const move = (stepId: string, x: number): Edit => ({ type: 'moveSteps', workflowId, positions: { [stepId]: [x, 0] } });
const remove = (stepId: string): Edit => ({ type: 'removeStep', workflowId, stepId });
const connect = (edge: string): Edit => ({ type: 'addEdge', workflowId, edge });
const name = (stepId: string, to: string): Edit => ({ type: 'renameStep', workflowId, stepId, name: to });
const add = (stepId: string, uses: string): Edit => ({ type: 'addStep', workflowId, stepId, uses });
const script = (text: string): Edit => ({ type: 'setScript', path: 'score.ts', text });

const base = [
  add('list_a1b2', 'items.set'),
  set('list_a1b2', ['fields'], { all: [1, 2], x: 1, y: 1 }),
  add('ask_c3d4', 'ai.agent'),
  add('gpt_e5f6', 'items.set'),
  add('llm_g7h8', 'items.set'),
  connect('answer_r8j5.main->list_a1b2.main'),
  script('const x = 1;\nconst y = 2;\nconst z = 3;\n'),
].reduce(applyEdit, example);

type Pair = {
  pair: string;
  /** Who is first at the server, and who comes after. */
  theirs: Edit[];
  ours: Edit[];
  /** What stands in the project after it, by place; undefined: nothing. */
  stands: [path: string[], value: unknown][];
  /** Kind and place of each record. */
  records: string[];
  /** What checking the project finds that it did not find before. */
  problems?: string[];
};

const list = (field: string) => [...wf, 'steps', 'list_a1b2', 'config', 'fields', field];
const step = (stepId: string) => [...wf, 'steps', stepId];
const edge = (key: string) => [...wf, 'edges', key];
const place = (stepId: string) => [...wf, 'layout', stepId];
const anything = expect.anything();

const PAIRS: Pair[] = [
  {
    pair: 'two fields of one step: both',
    theirs: [set('list_a1b2', ['fields', 'x'], 2)],
    ours: [set('list_a1b2', ['fields', 'y'], 3)],
    stands: [
      [list('x'), 2],
      [list('y'), 3],
    ],
    records: [],
  },
  {
    pair: 'moved and edited: both',
    theirs: [move('list_a1b2', 7)],
    ours: [set('list_a1b2', ['fields', 'y'], 3)],
    stands: [
      [place('list_a1b2'), [7, 0]],
      [list('y'), 3],
    ],
    records: [],
  },
  {
    pair: 'one field twice: theirs, and both in a record',
    theirs: [set('list_a1b2', ['fields', 'x'], 2)],
    ours: [set('list_a1b2', ['fields', 'x'], 3)],
    stands: [[list('x'), 2]],
    records: ['value steps/list_a1b2/config/fields/x'],
  },
  {
    pair: 'one list twice: theirs, and both in a record',
    theirs: [set('list_a1b2', ['fields', 'all'], [1, 2, 3])],
    ours: [set('list_a1b2', ['fields', 'all'], [0, 1, 2])],
    stands: [[list('all'), [1, 2, 3]]],
    records: ['value steps/list_a1b2/config/fields/all'],
  },
  {
    pair: 'moved twice: their place',
    theirs: [move('each_h6v2', 7)],
    ours: [move('each_h6v2', 8)],
    stands: [[place('each_h6v2'), [7, 0]]],
    records: ['layout layout/each_h6v2'],
  },
  {
    pair: 'deleted and edited: kept',
    theirs: [remove('list_a1b2')],
    ours: [set('list_a1b2', ['fields', 'x'], 3)],
    stands: [
      [list('x'), 3],
      [edge('answer_r8j5.main->list_a1b2.main'), {}],
    ],
    records: ['delete_vs_edit steps/list_a1b2'],
  },
  {
    pair: 'deleted and connected: kept',
    theirs: [remove('list_a1b2')],
    ours: [connect('list_a1b2.main->gpt_e5f6.main')],
    stands: [
      [step('list_a1b2'), anything],
      [edge('answer_r8j5.main->list_a1b2.main'), {}],
      [edge('list_a1b2.main->gpt_e5f6.main'), {}],
    ],
    records: ['delete_vs_reference steps/list_a1b2'],
  },
  {
    pair: 'deleted and named in an expression: kept',
    theirs: [remove('list_a1b2')],
    ours: [set('gpt_e5f6', ['fields'], { from: "=$('list_a1b2').first().json.x" })],
    stands: [
      [step('list_a1b2'), anything],
      [[...step('gpt_e5f6'), 'config', 'fields', 'from'], "=$('list_a1b2').first().json.x"],
    ],
    records: ['delete_vs_reference steps/list_a1b2'],
  },
  {
    pair: 'deleted and moved: stays deleted',
    theirs: [remove('each_h6v2')],
    ours: [move('each_h6v2', 8)],
    stands: [
      [step('each_h6v2'), undefined],
      [place('each_h6v2'), undefined],
    ],
    records: ['layout_of_deleted layout/each_h6v2'],
  },
  {
    pair: 'one id for two types: two steps, ours under another id',
    theirs: [add('new', 'items.set')],
    ours: [add('new', 'table.query'), connect('each_h6v2.done->new.main')],
    stands: [
      [[...step('new'), 'uses'], 'items.set'],
      [edge('each_h6v2.done->new.main'), undefined],
    ],
    records: ['add_add_renamed steps/new'],
    problems: ['config.missing'],
  },
  {
    pair: 'the same arrow twice: one arrow',
    theirs: [connect('answer_r8j5.main->gpt_e5f6.main')],
    ours: [connect('answer_r8j5.main->gpt_e5f6.main')],
    stands: [[edge('answer_r8j5.main->gpt_e5f6.main'), {}]],
    records: [],
  },
  {
    pair: 'two arrows that close a circle: both, and a record',
    theirs: [connect('gpt_e5f6.main->llm_g7h8.main')],
    ours: [connect('llm_g7h8.main->gpt_e5f6.main')],
    stands: [
      [edge('gpt_e5f6.main->llm_g7h8.main'), {}],
      [edge('llm_g7h8.main->gpt_e5f6.main'), {}],
    ],
    records: ['cycle edges/llm_g7h8.main->gpt_e5f6.main'],
  },
  {
    pair: 'one name for two steps: both, and checking finds it',
    theirs: [name('gpt_e5f6', 'Ask')],
    ours: [name('llm_g7h8', 'Ask')],
    stands: [
      [[...step('gpt_e5f6'), 'name'], 'Ask'],
      [[...step('llm_g7h8'), 'name'], 'Ask'],
    ],
    records: [],
    problems: ['step.name_taken'],
  },
  {
    pair: 'one line of a script twice: theirs, all other lines of both, and both texts in a record',
    theirs: [script('const x = 50;\nconst y = 2;\nconst z = 3;\n')],
    ours: [script('const x = 5;\nconst y = 2;\nconst z = 30;\n')],
    stands: [[['scripts', 'score.ts'], 'const x = 50;\nconst y = 2;\nconst z = 30;\n']],
    records: ['text score.ts'],
  },
  {
    pair: 'two arrows into a port that takes one: both, and checking finds it',
    theirs: [connect('gpt_e5f6.main->ask_c3d4.model')],
    ours: [connect('llm_g7h8.main->ask_c3d4.model')],
    stands: [
      [edge('gpt_e5f6.main->ask_c3d4.model'), {}],
      [edge('llm_g7h8.main->ask_c3d4.model'), {}],
    ],
    records: [],
    problems: ['edge.port_taken'],
  },
];

let commits = 0;
const uuid = () => `0199f2c5-0000-7000-8000-${(++commits).toString(16).padStart(12, '0')}`;

const codesOf = (tree: Tree) => validateTree(tree, EXAMPLE_CATALOG).map(({ code }) => code);
/** What one list has beyond another. */
function beyond(before: string[], after: string[]): string[] {
  const left = [...before];
  return after.filter((one) => {
    const at = left.indexOf(one);
    if (at === -1) return true;
    left.splice(at, 1);
    return false;
  });
}

test.each(PAIRS)('$pair', ({ theirs, ours, stands, records, problems = [] }) => {
  const server = createModelServer(base);
  const [first, second] = ['Ada', 'Bo'].map((who) =>
    createModelClient({ name: who, server, rebase: rebaseCommit, uuid }),
  ) as [ReturnType<typeof createModelClient>, ReturnType<typeof createModelClient>];
  first.edit((tree) => theirs.reduce(applyEdit, tree));
  second.edit((tree) => ours.reduce(applyEdit, tree));
  for (const client of [first, second]) while (client.isAhead()) client.step({});
  first.pull();
  second.pull();

  const { tree } = server.head();
  expect([first, second].map((client) => merkleHash(client.tree()))).toEqual([merkleHash(tree), merkleHash(tree)]);
  for (const [path, value] of stands) expect(getIn(tree, path), path.join('/')).toEqual(value);
  const told = server
    .records()
    .map(({ kind, path }) => `${kind} ${path.slice(path[0] === 'scripts' ? 1 : 2).join('/')}`);
  expect(told).toEqual(records);
  for (const { kind, who } of server.records()) {
    expect(who).toEqual({ theirs: 'Ada', ours: 'Bo' });
    expect(needsPerson(kind)).toBe(!['layout', 'layout_of_deleted', 'add_add_renamed'].includes(kind));
  }
  const found = beyond(codesOf(base), codesOf(tree)).filter((code) => code !== 'step.not_reached');
  expect(found).toEqual(problems);
});
