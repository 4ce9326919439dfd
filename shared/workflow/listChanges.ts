import type { Change } from '../contract/host/publish.ts';
import { isJsonObject, type Json } from '../json.ts';
import { diffTrees, type Op } from '../merge/ops.ts';
import { getIn } from './plainData.ts';
import { emptyTree, parseEdge, type Tree } from './tree.ts';

/** What somebody sent since the version that is out there. */
export type Authored = { authorName: string; ops: readonly Op[] };

type Subject = Change['subject'];
/** One thing as a person sees it: a whole step, not each of its fields. */
type Thing = { subject: Subject; path: string[]; title: string; where: string };

const MAX_TEXT = 200;

/**
 * The lines of "What changes": one for each thing that is another one than in the published tree, with its fields and with
 * who changed it. Positions on the canvas and pins are no change of that kind.
 *
 * @param before undefined where nothing is published yet
 */
export function listChanges(before: Tree | undefined, after: Tree, authored: readonly Authored[]): Change[] {
  const base = before ?? emptyTree(after.project.id, after.project.name);
  const found = new Map<string, { thing: Thing; paths: string[][] }>();
  for (const { path } of diffTrees(base, after).ops) {
    for (const thing of thingsAt(path, base, after)) {
      const key = thing.path.join('\n');
      const entry = found.get(key) ?? { thing, paths: [] };
      entry.paths.push(path);
      found.set(key, entry);
    }
  }
  return [...found.values()].map(({ thing, paths }) => {
    const [was, is] = [getIn(base, thing.path), getIn(after, thing.path)];
    const kind = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    return {
      kind,
      subject: thing.subject,
      title: thing.title,
      where: thing.where,
      fields: kind === 'changed' ? paths.map((path) => fieldAt(path, thing.path, base, after)) : [],
      authors: authorsOf(thing.path, authored),
    };
  });
}

function thingsAt(path: string[], base: Tree, after: Tree): Thing[] {
  const [kind = '', id = '', section, part] = path;
  switch (kind) {
    case 'workflows': {
      const workflow = after.workflows[id] ?? base.workflows[id];
      const where = workflow?.name ?? id;
      if (section === undefined) return wholeWorkflow(id, where, after.workflows[id] ? after : base);
      if (section === 'steps' && part !== undefined)
        return [stepThing(id, part, where, after.workflows[id]?.steps[part] ? after : base)];
      if (section === 'edges' && part !== undefined) return [edgeThing(id, part, where, after, base)];
      if (section === 'layout') return [];
      return [
        {
          subject: 'settings',
          path: ['workflows', id, section],
          title: section === 'settings' ? 'Settings' : section,
          where,
        },
      ];
    }
    case 'scripts':
      return [{ subject: 'script', path: [kind, id], title: id, where: 'scripts' }];
    case 'environments':
      // What is local is for runs on this computer: it is never deployed.
      if (id === 'local') return [];
      return [{ subject: 'environment', path: [kind, id], title: id, where: 'environments' }];
    case 'connections':
      return [{ subject: 'connection', path: [kind, id], title: id, where: 'connections' }];
    case 'project':
      return [{ subject: 'settings', path: ['project'], title: 'Project', where: 'sluice.yaml' }];
    case 'machines':
      return [{ subject: 'settings', path: [kind, id], title: id, where: 'machines' }];
    default:
      return [];
  }
}

/** A workflow that came or went is one line, and one for each of its steps. */
function wholeWorkflow(id: string, name: string, tree: Tree): Thing[] {
  const steps = Object.keys(tree.workflows[id]?.steps ?? {});
  return [
    { subject: 'workflow', path: ['workflows', id], title: name, where: 'workflows' },
    ...steps.map((stepId) => stepThing(id, stepId, name, tree)),
  ];
}

function stepThing(workflowId: string, stepId: string, where: string, tree: Tree): Thing {
  const title = tree.workflows[workflowId]?.steps[stepId]?.name ?? stepId;
  return { subject: 'step', path: ['workflows', workflowId, 'steps', stepId], title, where };
}

function edgeThing(workflowId: string, key: string, where: string, after: Tree, base: Tree): Thing {
  const { from, outPort, to } = parseEdge(key);
  const nameOf = (stepId: string) =>
    (after.workflows[workflowId]?.steps[stepId] ?? base.workflows[workflowId]?.steps[stepId])?.name ?? stepId;
  const port = outPort === 'main' ? '' : ` (${outPort})`;
  return {
    subject: 'edge',
    path: ['workflows', workflowId, 'edges', key],
    title: `${nameOf(from)}${port} → ${nameOf(to)}`,
    where,
  };
}

function fieldAt(path: string[], thing: string[], base: Tree, after: Tree): Change['fields'][number] {
  const [before, now] = [textOf(getIn(base, path)), textOf(getIn(after, path))];
  return {
    path: path.slice(thing.length).join('.'),
    ...(before === undefined ? {} : { before }),
    ...(now === undefined ? {} : { after: now }),
  };
}

function textOf(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** Whoever touched the thing, a part of it, or all that it is in. */
function authorsOf(thing: string[], authored: readonly Authored[]): string[] {
  const names = new Set<string>();
  for (const { authorName, ops } of authored) {
    if (ops.some((op) => touches(op, thing))) names.add(authorName);
  }
  return [...names];
}

function touches(op: Op, thing: string[]): boolean {
  const shorter = Math.min(op.path.length, thing.length);
  for (let i = 0; i < shorter; i++) if (op.path[i] !== thing[i]) return false;
  if (op.path.length >= thing.length) return true;
  // All of a workflow was set at once: only what is in it counts.
  let value: Json | undefined = op.op === 'set' ? op.value : undefined;
  for (const key of thing.slice(op.path.length)) value = isJsonObject(value) ? value[key] : undefined;
  return op.op === 'del' || value !== undefined;
}
