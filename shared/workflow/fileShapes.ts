import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { type StepCatalog, stepTypeInfo } from './catalog.ts';
import { parseEdgeText } from './edgeText.ts';
import { DEFAULT_SETTINGS } from './tree.ts';
import type { YamlPath } from './yamlFile.ts';
import { equal, type FileShape } from './yamlSplice.ts';

const TEXT = { type: 'string' };
const textFields = (...names: string[]) => Object.fromEntries(names.map((name) => [name, TEXT]));

export const WORKFLOW_FIELDS = ['id', 'name', 'tags', 'settings', 'inputs', 'steps', 'edges', 'layout'] as const;
export const STEP_FIELDS = [
  'uses',
  'version',
  'name',
  'config',
  'connection',
  'onError',
  'retry',
  'timeoutMs',
  'mode',
  'disabled',
  'notes',
] as const;
export const SETTING_FIELDS = [
  'timezone',
  'timeoutMs',
  'concurrency',
  'concurrencyKey',
  'rate',
  'throttle',
  'debounce',
  'priority',
  'singleton',
  'idempotency',
  'errorWorkflow',
  'durability',
  'logLevel',
  'keep',
] as const;

/** Which fields of each kind of file are text, whatever they look like: `name: 1.10` is not a number. */
export const TEXTUAL = {
  project: { properties: textFields('id', 'name') },
  connections: { additionalProperties: { properties: textFields('connector') } },
  environment: { properties: { bindings: { additionalProperties: TEXT } } },
  case: {
    properties: {
      ...textFields('name', 'workflow', 'trigger', 'now', 'seed'),
      expect: { properties: { notRun: { items: TEXT } } },
    },
  },
} satisfies Record<string, JsonObject>;

/** The same for a workflow, where a step's type says which of its config fields are text. */
export function workflowTextual(catalog: StepCatalog): (first: Json) => JsonObject {
  return (first) => {
    const steps: JsonObject = Object.create(null) as JsonObject;
    const found = isJsonObject(first) && isJsonObject(first.steps) ? first.steps : {};
    for (const [id, step] of Object.entries(found)) {
      const uses = isJsonObject(step) ? step.uses : undefined;
      const info = typeof uses === 'string' ? stepTypeInfo(catalog, uses) : undefined;
      const fields: JsonObject = textFields('uses', 'name', 'connection', 'onError', 'mode', 'notes');
      if (info) fields.config = info.configSchema;
      steps[id] = { properties: fields };
    }
    const settings = textFields(
      'timezone',
      'concurrencyKey',
      'priority',
      'errorWorkflow',
      'durability',
      'logLevel',
      'keep',
    );
    const keyed = { properties: textFields('key') };
    const limits = { rate: keyed, throttle: keyed, debounce: keyed, singleton: keyed, idempotency: keyed };
    const properties: JsonObject = {
      ...textFields('id', 'name'),
      tags: { items: TEXT },
      settings: { properties: { ...settings, ...limits } },
      steps: { properties: steps },
      edges: { items: TEXT },
    };
    return { properties };
  };
}

const DEFAULT_STEP: JsonObject = { version: 1, config: {}, onError: 'stop', disabled: false };
const EMPTY: JsonObject = { tags: [], settings: {}, steps: {}, edges: [], layout: {} };

/**
 * @param modeOf the mode that a step has where its file does not say one
 */
export function workflowShape(modeOf: (stepId: string) => string): FileShape {
  return {
    block: (path) => isStepsOrEdges(path) || (path[0] === 'steps' && path.length === 2),
    order: (path) => {
      if (path.length === 0) return WORKFLOW_FIELDS;
      if (path[0] === 'steps' && path.length === 2) return STEP_FIELDS;
      return path[0] === 'settings' && path.length === 1 ? SETTING_FIELDS : undefined;
    },
    redundant: (path, value) => {
      const [section, name, field] = path.map(String);
      if (value === null) return path.length === 1 || (path.length === 3 && field === 'config');
      if (path.length === 1) return equal(value, EMPTY[section as string]);
      if (section === 'settings' && path.length === 2) {
        return equal(value, (DEFAULT_SETTINGS as unknown as JsonObject)[name as string]);
      }
      if (section !== 'steps' || path.length !== 3) return false;
      if (field === 'name') return value === name;
      if (field === 'mode') return value === modeOf(name as string);
      return equal(value, DEFAULT_STEP[field as string]);
    },
    same: (path, a, b) => {
      if (path[0] !== 'edges' || typeof a !== 'string' || typeof b !== 'string') return equal(a, b);
      const one = parseEdgeText(a);
      return one !== undefined && one === parseEdgeText(b);
    },
  };
}

function isStepsOrEdges(path: YamlPath): boolean {
  return path.length === 1 && (path[0] === 'steps' || path[0] === 'edges' || path[0] === 'layout');
}

/** Everything that is not a workflow: fields in the order given, lists of items one under the other. */
export function plainShape(
  fields: readonly string[],
  blocks: readonly string[],
  optional: readonly string[] = [],
): FileShape {
  return {
    block: (path) => path.length === 1 && blocks.includes(String(path[0])),
    order: (path) => (path.length === 0 ? fields : undefined),
    redundant: (path, value) =>
      path.length === 1 &&
      optional.includes(String(path[0])) &&
      (value === null || equal(value, {}) || equal(value, [])),
  };
}
