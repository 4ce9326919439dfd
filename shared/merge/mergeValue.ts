import { isJsonObject, type JsonObject } from '../json.ts';
import type { Conflict } from './conflict.ts';
import { mergeText } from './mergeText.ts';
import { own, sameJson, type Value } from './sameJson.ts';

/** The longest script that a tree may hold (tree.ts). */
const MAX_SCRIPT = 500_000;

/**
 * Merges what stands at one place of three trees, field by field (sync.md 2). Different places: both; the same value: it;
 * taken away against changed: as it was changed; otherwise theirs. What did not make it into the result is in `conflicts`.
 * Lists are one value, for nothing tells which element is which. Fields stand in the order of theirs, then ours.
 *
 * @param path where the values stand, from the root of the tree
 */
export function mergeValue(base: Value, theirs: Value, ours: Value, path: string[], conflicts: Conflict[]): Value {
  if (sameJson(theirs, ours) || sameJson(base, ours)) return theirs;
  if (sameJson(base, theirs)) return ours;
  if (path[0] === 'pins' && path.length === 2) return mergePins(base, theirs, ours, path, conflicts);
  if (theirs === undefined || ours === undefined) {
    const chosen = theirs === undefined ? 'ours' : 'theirs';
    conflicts.push(conflictAt(path, 'delete_vs_edit', { base, theirs, ours }, chosen));
    return theirs ?? ours;
  }
  if (isJsonObject(theirs) && isJsonObject(ours) && isDivisible(path, base, theirs, ours)) {
    return mergeFields(isJsonObject(base) ? base : {}, theirs, ours, path, conflicts);
  }
  if (path[0] === 'scripts' && typeof theirs === 'string' && typeof ours === 'string') {
    const { text, clash } = mergeText(typeof base === 'string' ? base : '', theirs, ours);
    const fits = text.length <= MAX_SCRIPT;
    if (clash || !fits) conflicts.push(conflictAt(path, 'text', { base, theirs, ours }, 'theirs'));
    return fits ? text : theirs;
  }
  const kind = path[0] === 'workflows' && path[2] === 'layout' ? 'layout' : 'value';
  conflicts.push(conflictAt(path, kind, { base, theirs, ours }, 'theirs'));
  return theirs;
}

function mergeFields(
  base: JsonObject,
  theirs: JsonObject,
  ours: JsonObject,
  path: string[],
  conflicts: Conflict[],
): JsonObject {
  const merged = Object.create(null) as JsonObject;
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
    const value = mergeValue(own(base, key), own(theirs, key), own(ours, key), [...path, key], conflicts);
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

/** A workflow's pins: a map that is absent where it is empty, so its absence says nothing of the pins of others. */
function mergePins(base: Value, theirs: Value, ours: Value, path: string[], conflicts: Conflict[]): Value {
  const [from, there, here] = [base, theirs, ours].map((pins) => (isJsonObject(pins) ? pins : {})) as [
    JsonObject,
    JsonObject,
    JsonObject,
  ];
  const merged = mergeFields(from, there, here, path, conflicts);
  return Object.keys(merged).length > 0 ? merged : undefined;
}

/** A conflict whose absent answers are absent fields. */
export function conflictAt(
  path: string[],
  kind: Conflict['kind'],
  answers: { base?: Value; theirs?: Value; ours?: Value },
  chosen: Conflict['chosen'],
): Conflict {
  const conflict: Conflict = { path, kind, chosen };
  for (const side of ['base', 'theirs', 'ours'] as const) {
    const answer = answers[side];
    if (answer !== undefined) conflict[side] = answer;
  }
  return conflict;
}

/** Parts of a tree that are a map by id, or hold only such: both sides may begin them at once. */
const BEGUN_BY_BOTH: Record<string, { depth: number; parts?: string[] }> = {
  workflows: { depth: 2, parts: ['settings', 'steps', 'edges', 'layout'] },
  environments: { depth: 2, parts: ['vars', 'bindings'] },
  pins: { depth: 2 },
};

/**
 * Whether two objects are merged field by field. Not what both put in one place independently, not a pin, whose fields
 * belong together, and not a step that both turned into different types: a mixture is what nobody meant.
 */
function isDivisible(path: string[], base: Value, theirs: JsonObject, ours: JsonObject): boolean {
  const [kind = '', , part = ''] = path;
  if (kind === 'pins' && path.length === 3) return false;
  if (!isJsonObject(base)) {
    const begun = BEGUN_BY_BOTH[kind];
    if (path.length === 1) return true;
    return begun !== undefined && (path.length === 2 || (path.length === 3 && begun.parts?.includes(part) === true));
  }
  if (kind !== 'workflows' || part !== 'steps' || path.length !== 4) return true;
  const types = [base.uses, theirs.uses, ours.uses];
  return new Set(types).size < 3;
}
