import { rewriteReferences } from '../../expression/references.ts';
import { isJsonObject, type Json } from '../../json.ts';
import { getIn } from '../../workflow/plainData.ts';
import { edgeKey, parseEdge, type Tree } from '../../workflow/tree.ts';
import type { ConflictRecord } from '../conflict.ts';
import { sameJson, type Value } from '../sameJson.ts';
import { type LeafChange, leafChanges, linesOf } from './leafChanges.fixture.ts';
import type { Meeting } from './modelClient.fixture.ts';

type Ids = ReadonlyMap<string, string>;
type Side = 'theirs' | 'ours';
export type Told = { intents: number; recorded: number; lost: string[] };

/**
 * Every leaf that one of the two sides changed, and whether it is in the merged tree or in a record that holds that
 * answer. What is in neither is lost.
 */
export function lostChanges({ base, theirs, ours, merged, records }: Meeting): Told {
  const told: Told = { intents: 0, recorded: 0, lost: [] };
  for (const [side, tree] of [
    ['theirs', theirs],
    ['ours', ours],
  ] as const) {
    for (const change of leafChanges(asJson(base), asJson(tree))) {
      told.intents++;
      const ids = side === 'ours' ? newIds(records, change.path, tree) : undefined;
      if (isIn(merged, change, ids, { base, theirs, ours })) continue;
      if (isRecorded(records, change, side, ids)) told.recorded++;
      else told.lost.push(`${side} ${change.path.join('/')} = ${JSON.stringify(change.to)?.slice(0, 60)}`);
    }
  }
  return told;
}

const asJson = (tree: Tree) => tree as unknown as Json;

/** The ids that our steps of a workflow, or of the workflow of a test, were given where two had been added under one. */
function newIds(records: readonly ConflictRecord[], [part, id = '']: string[], ours: Tree): Ids | undefined {
  const workflowId = part === 'tests' ? ours.tests[id]?.workflow : id;
  const ids = new Map<string, string>();
  for (const { kind, path, renamedTo } of records) {
    if (kind === 'add_add_renamed' && path[1] === workflowId && renamedTo !== undefined)
      ids.set(path[3] ?? '', renamedTo);
  }
  return ids.size === 0 ? undefined : ids;
}

function isIn(
  merged: Tree,
  { path, to, isLine }: LeafChange,
  ids: Ids | undefined,
  sides: { base: Tree; theirs: Tree; ours: Tree },
): boolean {
  if (isLine) {
    const [, script = '', line = ''] = path;
    const now = merged.scripts[script] ?? merged.scripts[renamedScript(sides, script) ?? ''];
    return linesOf(now).has(line) === (to === true) || wasTakenOut(sides, script, line);
  }
  const now = getIn(merged, ids ? withIds(path, ids) : path);
  if (sameJson(now, to)) return true;
  // An object that was emptied, into which the other side put something.
  if (isJsonObject(to) && Object.keys(to).length === 0) return isJsonObject(now);
  return ids !== undefined && sameJson(now, valueWithIds(to, ids));
}

/** What names a step that has another id now: itself, in an expression, or in a list of a test. */
function valueWithIds(value: Value, ids: Ids): Value {
  if (Array.isArray(value)) return value.map((one) => valueWithIds(one, ids) ?? null);
  if (typeof value !== 'string') return value;
  return ids.get(value) ?? rewriteReferences(value, (ref) => ids.get(ref));
}

/** Where a script went that a side took away and put elsewhere as it was. */
function renamedScript({ base, theirs, ours }: { base: Tree; theirs: Tree; ours: Tree }, path: string) {
  const text = base.scripts[path];
  for (const { scripts } of [theirs, ours]) {
    const to = Object.keys(scripts).find((one) => scripts[one] === text && !Object.hasOwn(base.scripts, one));
    if (to !== undefined && !Object.hasOwn(scripts, path)) return to;
  }
  return undefined;
}

/** Whether a line of a script that one side renamed is one that the other side took out of it under its old name. */
function wasTakenOut({ base, theirs, ours }: { base: Tree; theirs: Tree; ours: Tree }, path: string, line: string) {
  const from = Object.keys(base.scripts).find((one) => renamedScript({ base, theirs, ours }, one) === path);
  if (from === undefined) return false;
  return [theirs, ours].some(({ scripts }) => scripts[from] !== undefined && !linesOf(scripts[from]).has(line));
}

/** The place of a change of ours, after our steps were given other ids. */
function withIds([kind = '', workflowId = '', ...rest]: string[], ids: Ids): string[] {
  const idOf = (id: string) => ids.get(id) ?? id;
  if (kind === 'tests') return [kind, workflowId, ...rest.map(idOf)];
  if (kind === 'pins') return [kind, workflowId, idOf(rest[0] ?? ''), ...rest.slice(1)];
  const [section = '', id, ...deeper] = rest;
  if (id === undefined) return [kind, workflowId, ...rest];
  if (section === 'steps' || section === 'layout') return [kind, workflowId, section, idOf(id), ...deeper];
  if (section !== 'edges') return [kind, workflowId, ...rest];
  const edge = parseEdge(id);
  return [kind, workflowId, section, edgeKey({ ...edge, from: idOf(edge.from), to: idOf(edge.to) })];
}

/** Whether a record holds this answer of this side. */
function isRecorded(
  records: readonly ConflictRecord[],
  { path, to, isLine }: LeafChange,
  side: Side,
  ids: Ids | undefined,
): boolean {
  return records.some((record) => {
    const above = record.path.every((key, i) => path[i] === key);
    if (above) {
      const answer = record[side];
      const rest = path.slice(record.path.length);
      if (isLine) return linesOf(answer).has(path[2] ?? '') === (to === true);
      const kept = (place: string[]) => (answer === undefined ? undefined : getIn(answer, place));
      // Our answer is kept as it is after our steps were given other ids.
      const places = ids ? [rest, withIds(path, ids).slice(record.path.length)] : [rest];
      const values = ids ? [to, valueWithIds(to, ids)] : [to];
      return places.some((place) => values.some((value) => sameJson(kept(place), value)));
    }
    return to === undefined && record[side] === undefined && wentWith(record, path);
  });
}

/** Whether something belongs to a step, or a workflow, that a side took away and that was kept. */
function wentWith({ kind, path }: ConflictRecord, [part, workflowId, ...rest]: string[]): boolean {
  if (kind !== 'delete_vs_edit' && kind !== 'delete_vs_reference') return false;
  if (path[1] !== workflowId || path[0] !== 'workflows') return false;
  if (path.length === 2) return part === 'pins';
  const [section, stepId = ''] = path.slice(2);
  if (section !== 'steps' || path.length !== 4) return false;
  if (part === 'pins') return rest[0] === stepId;
  if (rest[0] === 'layout') return rest[1] === stepId;
  if (rest[0] !== 'edges') return false;
  const { from, to } = parseEdge(rest[1] ?? '');
  return from === stepId || to === stepId;
}

/** A leaf of a merged tree that neither side put there, and that was not brought back with what was kept. */
export function inventedLeaves({ base, theirs, ours, merged, records }: Meeting): string[] {
  return leafChanges(asJson(theirs), asJson(merged)).flatMap(({ path, to, isLine }) => {
    // A map that the last one went out of.
    if (isLine || (isJsonObject(to) && Object.keys(to).length === 0)) return [];
    const ids = newIds(records, path, ours);
    const back = ids && new Map([...ids].map(([from, id]) => [id, from]));
    const from: Value = getIn(ours, back ? withIds(path, back) : path);
    const isOurs = sameJson(from, to) || (ids !== undefined && sameJson(valueWithIds(from, ids), to));
    if (isOurs || sameJson(getIn(base, path), to)) return [];
    return [`${path.join('/')} = ${JSON.stringify(to)?.slice(0, 60)}`];
  });
}
