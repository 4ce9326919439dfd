import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import type { ConflictKind } from '#shared/merge/conflict.ts';
import { parseEdge, type Tree } from '#shared/workflow/tree.ts';

/** What is told of each kind: a word for its badge, and what happened in one sentence. */
export const KINDS: Record<ConflictKind, { word: string; told: string }> = {
  value: {
    word: 'Two answers',
    told: 'Both changed this to something else. The first stands until somebody decides.',
  },
  text: {
    word: 'Same lines',
    told: 'Both changed the same lines. The first stand for now; all other changes of both are in.',
  },
  delete_vs_edit: { word: 'Edit and delete', told: 'One deleted what the other changed. It is kept until you decide.' },
  delete_vs_reference: {
    word: 'Delete and use',
    told: 'One deleted a step that the other uses. It is kept until you decide.',
  },
  cycle: { word: 'Circle', told: 'An arrow of each closes a circle that neither side had. Both stand: take one away.' },
  layout_of_deleted: { word: 'Stays deleted', told: 'One deleted what the other only moved. It stays deleted.' },
  layout: { word: 'Moved twice', told: 'Both moved it. It stands where it was put first.' },
  add_add_renamed: { word: 'New id', told: 'Both added something under one id. The later one has another id now.' },
};

export type Place = {
  /** "Classify, prompt". */
  title: string;
  /** The workflow's name, or the kind of part. */
  where: string;
  workflowId?: string;
  stepId?: string;
};

/**
 * The place of a conflict as a person knows it.
 *
 * @param tree the project as it is; what is gone from it is named by what the record holds
 */
export function placeOfConflict(record: Pick<ConflictEntry, 'path' | 'base' | 'theirs' | 'ours'>, tree: Tree): Place {
  const [kind = '', id = '', section, part, ...rest] = record.path;
  switch (kind) {
    case 'workflows': {
      const workflow = tree.workflows[id];
      const where = workflow?.name ?? nameIn(record) ?? id;
      if (section === undefined) return { title: where, where: 'workflow', workflowId: id };
      if (part === undefined) return { title: titleCase(section), where, workflowId: id };
      if (section === 'edges') {
        const { from, outPort, to } = parseEdge(part);
        const port = outPort === 'main' ? '' : ` (${outPort})`;
        const name = (stepId: string) => workflow?.steps[stepId]?.name ?? stepId;
        return { title: `${name(from)}${port} → ${name(to)}`, where, workflowId: id, stepId: from };
      }
      if (section !== 'steps' && section !== 'layout')
        return { title: [titleCase(section), part, ...rest].join(', '), where, workflowId: id };
      const step = workflow?.steps[part]?.name ?? (rest.length === 0 ? nameIn(record) : undefined) ?? part;
      const field = section === 'layout' ? 'place' : fieldName(rest);
      return { title: field ? `${step}, ${field}` : step, where, workflowId: id, stepId: part };
    }
    case 'pins': {
      const workflow = tree.workflows[id];
      const step = section === undefined ? 'Pins' : `${workflow?.steps[section]?.name ?? section}, pinned items`;
      return { title: step, where: workflow?.name ?? id, workflowId: id, ...(section ? { stepId: section } : {}) };
    }
    case 'project':
      return { title: 'Name of the project', where: 'project' };
    default: {
      const inside = [section === 'vars' || section === 'bindings' ? undefined : section, part, ...rest].filter(
        Boolean,
      );
      return { title: [id, ...inside].join(', '), where: kind };
    }
  }
}

/** `config.prompt` is `prompt` to a person; all else is said with its parts. */
function fieldName(path: string[]): string {
  return (path[0] === 'config' ? path.slice(1) : path).join('.') || path.join('.');
}

const titleCase = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1);

function nameIn({ base, theirs, ours }: Pick<ConflictEntry, 'base' | 'theirs' | 'ours'>): string | undefined {
  for (const value of [ours, theirs, base]) {
    if (value !== undefined && isJsonObject(value) && typeof value.name === 'string') return value.name;
  }
  return undefined;
}

/** How the two answers and the ways to choose one are called by the person who looks. */
export type SideWords = { theirs: string; ours: string; keep: string; use: string };

/**
 * `theirs` is what reached the workspace first, `ours` what came with the commit that met it. Who looks may have made
 * either, both on two computers, or neither.
 *
 * @param me the name of who looks, where it is known
 */
export function sideWords({ who }: Pick<ConflictEntry, 'who'>, me: string | undefined): SideWords {
  const { theirs, ours } = who;
  if (theirs !== undefined && theirs === ours)
    return { theirs: 'Came first', ours: 'Came later', keep: 'Keep the first', use: 'Use the later' };
  if (ours === undefined || ours === me) {
    // Files have no name of a person; they are called what they are.
    if (ours === undefined && theirs?.startsWith('The '))
      return { theirs, ours: 'Mine', keep: `Keep ${inLine(theirs)}`, use: 'Use mine' };
    return { theirs: 'Theirs', ours: 'Mine', keep: 'Keep theirs', use: 'Use mine' };
  }
  if (theirs !== undefined && theirs === me)
    return { theirs: 'Mine', ours: 'Theirs', keep: 'Keep mine', use: 'Use theirs' };
  return {
    theirs: theirs ?? 'First',
    ours,
    keep: theirs ? `Keep ${inLine(theirs)}’s` : 'Keep the first',
    use: `Use ${inLine(ours)}’s`,
  };
}

const inLine = (name: string) => name.replace(/^Th(?=e |is )/, 'th');

/** One answer: nothing, a text, or which fields of a larger thing it changed. */
export type Answer =
  | { kind: 'gone' }
  | { kind: 'same' }
  | { kind: 'text'; text: string }
  | { kind: 'fields'; fields: { path: string; before?: string; after?: string }[] };

const MOST_FIELDS = 8;

/** What one side made of the base. A step or a workflow is told by the fields that differ, all else by its value. */
export function answerOf(
  record: Pick<ConflictEntry, 'kind' | 'base' | 'theirs' | 'ours'>,
  side: 'theirs' | 'ours',
): Answer {
  const { base, [side]: value } = record;
  if (value === undefined) return { kind: 'gone' };
  const larger = record.kind === 'delete_vs_edit' || record.kind === 'delete_vs_reference';
  if (!larger || base === undefined || !isJsonObject(base) || !isJsonObject(value))
    return { kind: 'text', text: valueText(value) };
  const fields = differences(base, value);
  return fields.length === 0 ? { kind: 'same' } : { kind: 'fields', fields: fields.slice(0, MOST_FIELDS) };
}

function differences(before: Json | undefined, after: Json | undefined, path: string[] = []): FieldChange[] {
  if (before !== undefined && after !== undefined && isJsonObject(before) && isJsonObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => differences(before[key], after[key], [...path, key]));
  }
  const [was, is] = [before && valueText(before), after && valueText(after)];
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [
    {
      path: fieldName(path),
      ...(was === undefined ? {} : { before: String(was) }),
      ...(is === undefined ? {} : { after: String(is) }),
    },
  ];
}
type FieldChange = { path: string; before?: string; after?: string };

/** A value as a person reads it: a text as it is, all else as JSON. */
export function valueText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** Whether an answer can be written by hand in one field: a text, or a value that is not a whole step or workflow. */
export function canWrite(record: Pick<ConflictEntry, 'kind'>): boolean {
  return record.kind === 'value' || record.kind === 'text';
}

/** Whether what is written by hand is a text; otherwise it is JSON. */
export function isText({ base, theirs, ours }: Pick<ConflictEntry, 'base' | 'theirs' | 'ours'>): boolean {
  return [base, theirs, ours].every((value) => value === undefined || typeof value === 'string');
}
