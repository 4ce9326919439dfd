import type * as Yaml from 'yaml';
import { newStepId } from '#shared/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { edgeKey, parseEdge, Step, type Workflow } from '#shared/workflow/tree.ts';
import { freeName, placeOf } from '../state/steps.ts';

let yaml: typeof Yaml | undefined;

/** Copying must answer at once, so the library is fetched as soon as a canvas is there. */
export async function loadYaml(): Promise<typeof Yaml> {
  yaml ??= await import('yaml');
  return yaml;
}

/** Steps and the edges between them as text, in the shape of a workflow file. Empty until the library is there. */
export function copyText(workflow: Workflow, stepIds: string[]): string {
  if (!yaml) return '';
  const chosen = new Set(stepIds);
  const steps = Object.fromEntries(
    stepIds.flatMap((id) => (workflow.steps[id] ? [[id, onDisk(workflow.steps[id])]] : [])),
  );
  const edges = Object.keys(workflow.edges).flatMap((key) => {
    const { from, outPort, to, inPort } = parseEdge(key);
    if (!chosen.has(from) || !chosen.has(to)) return [];
    return [`${outPort === 'main' ? from : `${from}.${outPort}`} -> ${inPort === 'main' ? to : `${to}.${inPort}`}`];
  });
  const layout = Object.fromEntries(stepIds.map((id) => [id, placeOf(workflow, id)]));
  return yaml.stringify({ steps, ...(edges.length > 0 ? { edges } : {}), layout }, { lineWidth: 0 });
}

function onDisk(step: Step): JsonObject {
  const { version, onError, config, ...rest } = step;
  return {
    ...(rest as JsonObject),
    ...(version === 1 ? {} : { version }),
    ...(onError === 'stop' ? {} : { onError }),
    ...(Object.keys(config).length === 0 ? {} : { config }),
  };
}

export type Pasted = Extract<Edit, { type: 'paste' }>;

/**
 * The edit that puts copied text onto a canvas: with new ids, new names where they are taken, and every mention of a
 * copied step in an expression turned to its copy. Undefined where the text holds no steps.
 */
export function pasteEdit(
  text: string,
  workflowId: string,
  workflow: Workflow,
  at: [number, number] | undefined,
  random: () => number,
): Pasted | undefined {
  if (!yaml) return undefined;
  let copied: Json;
  try {
    copied = yaml.parse(text, { maxAliasCount: 0 }) as Json;
  } catch {
    return undefined;
  }
  if (!isJsonObject(copied) || !isJsonObject(copied.steps)) return undefined;
  const ids = new Map<string, string>();
  const steps: Record<string, Step> = {};
  const named: Workflow = { ...workflow, steps: { ...workflow.steps } };
  for (const [oldId, raw] of Object.entries(copied.steps)) {
    if (!isJsonObject(raw)) continue;
    const read = Step.safeParse({ version: 1, onError: 'stop', mode: 'each', config: {}, name: oldId, ...raw });
    if (!read.success) continue;
    const name = freeName(named, read.data.name);
    const id = newStepId(name, random);
    ids.set(oldId, id);
    steps[id] = { ...read.data, name };
    named.steps[id] = steps[id];
  }
  if (ids.size === 0) return undefined;
  for (const [id, step] of Object.entries(steps))
    steps[id] = { ...step, config: renamed(step.config, ids) as JsonObject };
  const edges = (Array.isArray(copied.edges) ? copied.edges : []).flatMap((line) => edgeOf(line, ids));
  return { type: 'paste', workflowId, steps, edges, layout: places(copied.layout, ids, workflow, at) };
}

function edgeOf(line: Json, ids: Map<string, string>): string[] {
  const found =
    typeof line === 'string' && /^\s*([a-z0-9_]+)(?:\.(\w+))?\s*->\s*([a-z0-9_]+)(?:\.(\w+))?\s*$/.exec(line);
  if (!found) return [];
  const [, oldFrom = '', outPort = 'main', oldTo = '', inPort = 'main'] = found;
  const from = ids.get(oldFrom);
  const to = ids.get(oldTo);
  return from && to ? [edgeKey({ from, outPort, to, inPort })] : [];
}

function places(
  raw: Json | undefined,
  ids: Map<string, string>,
  workflow: Workflow,
  at: [number, number] | undefined,
): Record<string, [number, number]> {
  const known = isJsonObject(raw) ? raw : {};
  const copied = [...ids].map(([oldId, id], index): [string, [number, number]] => {
    const place = known[oldId];
    const [x, y] = Array.isArray(place) ? place : [];
    return [id, [typeof x === 'number' ? x : index * 240, typeof y === 'number' ? y : 0]];
  });
  const left = Math.min(...copied.map(([, [x]]) => x));
  const top = Math.min(...copied.map(([, [, y]]) => y));
  let [dx, dy] = at ? [at[0] - left, at[1] - top] : [40, 40];
  const taken = Object.keys(workflow.steps).map((id) => placeOf(workflow, id));
  while (copied.some(([, [x, y]]) => taken.some(([a, b]) => Math.abs(a - x - dx) < 20 && Math.abs(b - y - dy) < 20))) {
    dx += 40;
    dy += 40;
  }
  return Object.fromEntries(copied.map(([id, [x, y]]) => [id, [x + dx, y + dy]]));
}

/** `$('old')` becomes `$('new')`, at any depth. */
function renamed(value: Json, ids: Map<string, string>): Json {
  if (typeof value === 'string') {
    return value.replace(/\$\((['"])([a-z][a-z0-9_]*)\1\)/g, (whole, quote: string, id: string) => {
      const copy = ids.get(id);
      return copy ? `$(${quote}${copy}${quote})` : whole;
    });
  }
  if (Array.isArray(value)) return value.map((one) => renamed(one, ids));
  if (isJsonObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, renamed(one, ids)]));
  return value;
}
