import { SluiceError } from '#shared/error.ts';
import { compileExpression, type Scope, type StepView } from '#shared/expression/expression.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';

/** What the editor knows while a field is typed: the items before the step, and what other steps gave. */
export type PreviewData = {
  items: readonly Item[];
  itemIndex: number;
  /** A step's latest output by id or name; undefined where it has none yet. */
  outputOf: (ref: string) => readonly Item[] | undefined;
  stepExists: (ref: string) => boolean;
  trigger: Json;
  env: JsonObject;
  workflow: { id: string; name: string };
  timezone: string;
  /** Milliseconds since 1970, whenever a field is tried. */
  now: () => number;
};

/** The scope of a live result. Ids and random numbers are made up: the run will make its own. */
export function previewScope(data: PreviewData): Scope {
  const item = data.items[data.itemIndex];
  return {
    json: item?.json ?? {},
    binary: item?.binary as JsonObject | undefined,
    itemIndex: data.itemIndex,
    items: data.items,
    step: (ref) => stepView(data, ref),
    trigger: data.trigger,
    request: data.trigger,
    env: data.env,
    run: { id: '00000000-0000-7000-8000-000000000000', mode: 'manual', startedAt: new Date(data.now()).toISOString() },
    workflow: data.workflow,
    get now() {
      return data.now();
    },
    timezone: data.timezone,
    uuid: () => '00000000-0000-4000-8000-000000000000',
    random: () => 0.5,
  };
}

function stepView(data: PreviewData, ref: string): StepView | undefined {
  if (!data.stepExists(ref)) return undefined;
  const items = data.outputOf(ref) ?? [];
  return {
    all: () => items,
    // The journal knows the lineage; the preview takes the item at the same place.
    item: () =>
      items.length === data.items.length ? items[data.itemIndex] : items.length === 1 ? items[0] : undefined,
  };
}

export type Preview =
  | { kind: 'value'; value: Json | undefined; used: { name: string; value: Json | undefined }[] }
  | {
      kind: 'error';
      message: string;
      advice?: string /** A replacement that one click accepts. */;
      fix?: { found: string; nearest: string; offset?: number };
    };

/** The value of a field's text for the current item, or what is wrong with it and the name that was probably meant. */
export function preview(source: string, scope: Scope): Preview {
  try {
    const compiled = compileExpression(source);
    const value = compiled.evaluate(scope) as Json | undefined;
    return {
      kind: 'value',
      value,
      used: compiled.paths.slice(0, 4).map((path) => ({ name: lastName(path), value: readPath(path, scope) })),
    };
  } catch (thrown) {
    const error = SluiceError.from(thrown);
    const found = text(error.details?.missing) ?? text(error.details?.found);
    const nearest = text(error.details?.nearest);
    const offset = typeof error.details?.offset === 'number' ? error.details.offset : undefined;
    return {
      kind: 'error',
      message: error.message,
      advice: error.advice,
      ...(found && nearest ? { fix: { found, nearest, offset } } : {}),
    };
  }
}

/** The text with the wrong name replaced: the one at or after the place of the error, else the first there is. */
export function acceptFix(source: string, fix: { found: string; nearest: string; offset?: number }): string {
  const near = fix.offset === undefined ? -1 : source.indexOf(fix.found, fix.offset);
  const at = near === -1 ? source.indexOf(fix.found) : near;
  return at === -1 ? source : source.slice(0, at) + fix.nearest + source.slice(at + fix.found.length);
}

function lastName(path: string): string {
  return path.split('.').at(-1) ?? path;
}

function readPath(path: string, scope: Scope): Json | undefined {
  const [root, ...names] = path.split('.');
  let value: Json | undefined =
    root === '$json'
      ? scope.json
      : root === '$env' || root === '$vars'
        ? scope.env
        : root === '$trigger'
          ? scope.trigger
          : undefined;
  for (const name of names) value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
