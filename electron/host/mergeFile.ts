import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Op } from '#shared/merge/ops.ts';
import { applyHunks, diffLines, type Hunk } from '#shared/merge/textHunks.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { setIn } from '#shared/workflow/plainData.ts';
import { parseEdge, type Tree, type Workflow } from '#shared/workflow/tree.ts';

/** What came of both sides. `superseded` would bring our values back. */
export type FileMerge = { tree: Tree; superseded: Op[] };

type Value = Json | undefined;

/**
 * Puts what changed elsewhere (in the files, or in the cloud) into the tree as it is here. Different places: both stay.
 * The same place: the other side's value stands, because somebody saved it there, and ours is returned so that it can be
 * kept and brought back.
 *
 * @param base what both started from
 */
export function mergeFile(base: Tree, file: Tree, ours: Tree): FileMerge {
  if (ours === base || hashOf(ours) === hashOf(base)) return { tree: file, superseded: [] };
  const superseded: Op[] = [];
  const merged = merge(base as unknown as Json, file as unknown as Json, ours as unknown as Json, [], superseded);
  const tree = merged as unknown as Tree;
  const workflows: Record<string, Workflow> = Object.create(null) as Record<string, Workflow>;
  for (const [id, workflow] of Object.entries(tree.workflows)) {
    workflows[id] = mended(workflow, file.workflows[id], ours.workflows[id], ['workflows', id], superseded);
  }
  const same = Object.entries(workflows).every(([id, workflow]) => workflow === tree.workflows[id]);
  return { tree: same ? tree : { ...tree, workflows }, superseded };
}

function merge(base: Value, file: Value, ours: Value, path: string[], superseded: Op[]): Value {
  const before = hashOf(base);
  const there = hashOf(file);
  const here = hashOf(ours);
  if (there === before || there === here) return ours;
  if (here === before) return file;
  if (isJsonObject(file) && isJsonObject(ours) && (isJsonObject(base) || isCollection(path))) {
    const from = isJsonObject(base) ? base : {};
    const merged = Object.create(null) as JsonObject;
    for (const key of new Set([...Object.keys(ours), ...Object.keys(file)])) {
      const value = merge(own(from, key), own(file, key), own(ours, key), [...path, key], superseded);
      if (value !== undefined) merged[key] = value;
    }
    return merged;
  }
  if (path[0] === 'scripts' && typeof base === 'string' && typeof file === 'string' && typeof ours === 'string') {
    const text = mergeLines(base, file, ours);
    if (text !== undefined) return text;
  }
  superseded.push(backTo(path, ours, there));
  return file;
}

/** Maps that both sides may begin at once; anything else that both put in a place is one thing against another. */
function isCollection(path: string[]): boolean {
  return path.length === 1 || (path.length === 2 && path[0] === 'pins');
}

/** The text with the changes of both, or undefined where they meet in a line or next to one another. */
function mergeLines(base: string, file: string, ours: string): string | undefined {
  const all = [...diffLines(base, file), ...diffLines(base, ours)].sort((a, b) => a[0] - b[0]);
  const apart = all.every((hunk, i) => i === 0 || endOf(all[i - 1] as Hunk) < hunk[0]);
  return apart ? applyHunks(base, all) : undefined;
}

const endOf = ([start, removed]: Hunk) => start + removed;

/**
 * A step that one side took away and that stands again brings its edges and its place, without which it would do something
 * else than before. Edges and places of steps that are gone go as well.
 */
function mended(
  merged: Workflow,
  file: Workflow | undefined,
  ours: Workflow | undefined,
  path: string[],
  superseded: Op[],
): Workflow {
  const there = (stepId: string) => Object.hasOwn(merged.steps, stepId);
  const edges = { ...merged.edges };
  const layout = { ...merged.layout };
  for (const stepId of Object.keys(merged.steps)) {
    if (!file || !ours || Object.hasOwn(ours.steps, stepId) || !Object.hasOwn(file.steps, stepId)) continue;
    for (const key of Object.keys(file.edges)) {
      const { from, to } = parseEdge(key);
      if (from === stepId || to === stepId) edges[key] = {};
    }
    const place = file.layout[stepId];
    if (place) layout[stepId] = place;
  }
  for (const key of Object.keys(edges)) {
    const { from, to } = parseEdge(key);
    if (there(from) && there(to)) continue;
    delete edges[key];
    if (ours && Object.hasOwn(ours.edges, key))
      superseded.push({ op: 'set', path: [...path, 'edges', key], value: {}, was: null });
  }
  for (const stepId of Object.keys(layout)) if (!there(stepId)) delete layout[stepId];
  let next = merged;
  if (!sameKeys(edges, merged.edges)) next = setIn(next, ['edges'], edges) ?? next;
  if (!sameKeys(layout, merged.layout)) next = setIn(next, ['layout'], layout) ?? next;
  return next;
}

function sameKeys(a: object, b: object): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key));
}

/** The change that puts our value back where the other one stands. */
function backTo(path: string[], ours: Value, there: string | null): Op {
  if (ours !== undefined) return { op: 'set', path, value: ours, was: there };
  // Both absent would have been no clash, so something stands there.
  return { op: 'del', path, was: there ?? '' };
}

function own(value: JsonObject, key: string): Value {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function hashOf(value: unknown): string | null {
  return value === undefined ? null : merkleHash(value);
}
