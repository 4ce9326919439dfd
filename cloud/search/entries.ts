import { createHash } from 'node:crypto';
import type { Json } from '#shared/json.ts';
import type { Step, Tree, Workflow } from '#shared/workflow/tree.ts';
import { vectorOf, wordsOf } from './words.ts';

/** What is kept of a project, workflow or step to find it by. */
export type SearchEntry = {
  /** Unique in the project. */
  key: string;
  kind: 'project' | 'workflow' | 'step';
  workflowId?: string;
  stepId?: string;
  title: string;
  detail: string;
  /** Lines of text from the config, for excerpts. */
  body: string;
  /** Of a workflow: what makes it like another. */
  features: string[];
  /** A tsvector. */
  words: string;
  /** Of everything above. */
  hash: string;
};

const MOST_BODY = 4_000;
const LONGEST_LINE = 400;

/** Everything that a project is found by. */
export function entriesOf(tree: Tree): SearchEntry[] {
  const workflows = Object.entries(tree.workflows);
  return [
    withHash({
      key: 'project',
      kind: 'project',
      title: tree.project.name,
      detail: count(workflows.length, 'workflow'),
      body: '',
      features: [],
      words: vectorOf([{ text: tree.project.name, weight: 'A' }]),
    }),
    ...workflows.flatMap(([workflowId, workflow]) => [
      workflowEntry(tree, workflowId, workflow),
      ...Object.entries(workflow.steps).map(([stepId, step]) => stepEntry(tree, { workflowId, stepId }, step)),
    ]),
  ];
}

function workflowEntry(tree: Tree, workflowId: string, workflow: Workflow): SearchEntry {
  const steps = Object.values(workflow.steps);
  const types = [...new Set(steps.map(({ uses }) => uses))];
  const connectors = [...new Set(steps.flatMap((step) => connectorOf(tree, step) ?? []))];
  const tags = workflow.tags ?? [];
  const features = new Set([
    ...types,
    ...connectors,
    ...tags.map((tag) => `#${tag}`),
    ...wordsOf(workflow.name).map((word) => `“${word}”`),
  ]);
  return withHash({
    key: `workflow/${workflowId}`,
    kind: 'workflow',
    workflowId,
    title: workflow.name,
    detail: [count(steps.length, 'step'), ...tags.map((tag) => `#${tag}`)].join(' '),
    body: '',
    features: [...features].sort(),
    words: vectorOf([
      { text: workflow.name, weight: 'A' },
      { text: `${workflow.slug} ${tags.join(' ')}`, weight: 'B' },
      { text: [...types, ...connectors].join(' '), weight: 'C' },
    ]),
  });
}

function stepEntry(tree: Tree, at: { workflowId: string; stepId: string }, step: Step): SearchEntry {
  const connector = connectorOf(tree, step) ?? '';
  const body = [...textsIn(step.config), step.notes ?? '']
    .flatMap((text) => text.split('\n'))
    .map((line) => line.trim().slice(0, LONGEST_LINE))
    .filter(Boolean)
    .join('\n')
    .slice(0, MOST_BODY);
  return withHash({
    key: `step/${at.workflowId}/${at.stepId}`,
    kind: 'step',
    ...at,
    title: step.name,
    detail: step.uses,
    body,
    features: [],
    words: vectorOf([
      { text: step.name, weight: 'A' },
      { text: `${step.uses} ${at.stepId}`, weight: 'B' },
      { text: `${connector} ${step.connection ?? ''}`, weight: 'C' },
      { text: body, weight: 'D' },
    ]),
  });
}

function connectorOf(tree: Tree, { connection }: Step): string | undefined {
  return connection !== undefined && Object.hasOwn(tree.connections, connection)
    ? tree.connections[connection]?.connector
    : undefined;
}

/** Names and texts of a config, as far as anybody would look for them. */
function textsIn(value: Json): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

function withHash(entry: Omit<SearchEntry, 'hash'>): SearchEntry {
  // A character that Postgres does not keep in text would make the whole project unfindable.
  const clean = (text: string) => text.replaceAll('\0', '');
  const kept = { ...entry, title: clean(entry.title), body: clean(entry.body) };
  return { ...kept, hash: createHash('sha256').update(JSON.stringify(kept)).digest('base64url') };
}
