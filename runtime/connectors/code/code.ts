import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { Hash, ScriptPath } from '#shared/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { Item } from '#shared/workflow/tree.ts';
import type { ScriptResult } from '../../engine/ports/sandbox.ts';
import { failedItem, PassedOn } from '../fields.ts';
import { type Call, defineStepType } from '../stepType.ts';

/** domain.md 10: what a script may take. The output of one call is kept with the run, so it is bounded too. */
export const SCRIPT_LIMITS = {
  wallMs: 5_000,
  cpuMs: 1_000,
  memoryMb: 128,
  outputBytes: 10_485_760,
  logLines: 1_000,
} as const;

const common = { version: 1, category: 'code', effect: 'pure', mode: 'each', output: PassedOn } as const;

function codeConfig(endings: string[], language: 'javascript' | 'typescript') {
  return z
    .strictObject({
      code: z.string().min(1).max(500_000).optional().meta({
        title: 'Code',
        help: 'The body of a function. Each item: $json, return an object, a list or nothing. All at once: items, return a list.',
        widget: 'code',
        language,
        expression: false,
        order: 1,
      }),
      script: z
        .string()
        .refine((path) => ScriptPath.safeParse(path.replace(/^scripts\//, '')).success, 'must be a file below scripts/')
        .refine((path) => endings.some((ending) => path.endsWith(ending)), `must end in ${endings.join(' or ')}`)
        .optional()
        .meta({
          title: 'Or a script',
          help: 'A file with a default export: (item, ctx) or (items, ctx).',
          placeholder: `scripts/score${endings[0]}`,
          widget: 'script',
          expression: false,
          order: 2,
        }),
    })
    .refine(({ code, script }) => (code === undefined) !== (script === undefined), 'must have either code or a script');
}

export const javascript = defineStepType({
  ...common,
  type: 'code.javascript',
  title: 'JavaScript',
  description: 'Runs JavaScript of yours on the items, in a sandbox without network and files.',
  icon: 'braces',
  config: codeConfig(['.js'], 'javascript'),
  runAll: (call) => runCode(call, 'javascript'),
});

export const typescript = defineStepType({
  ...common,
  type: 'code.typescript',
  title: 'TypeScript',
  description: 'Runs TypeScript of yours on the items, in a sandbox without network and files.',
  icon: 'file-code',
  config: codeConfig(['.ts', '.js'], 'typescript'),
  runAll: (call) => runCode(call, 'typescript'),
});

type CodeCall = Call & { inputs: Record<string, Item[]>; config: { code?: string; script?: string } };

async function runCode(call: CodeCall, language: 'javascript' | 'typescript'): Promise<Record<string, Item[]>> {
  const { config, stepId, mode } = call;
  const { main: items = [] } = call.inputs;
  const { script } = config;
  const source = script === undefined ? (config.code ?? '') : call.readScript(script);
  let result: ScriptResult;
  try {
    result = await call.script({
      language: script?.endsWith('.js') ? 'javascript' : language,
      source,
      kind: script === undefined ? 'body' : 'module',
      path: script ?? stepId,
      mode,
      items,
      limits: { ...SCRIPT_LIMITS },
    });
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || !thrown.details?.logs) throw thrown;
    const { logs, ...details } = thrown.details;
    logAll(call, logs);
    throw new SluiceError(thrown.code, thrown.message, { details, advice: thrown.advice, cause: thrown });
  }
  logAll(call, result.logs);
  const blobs = new Set(items.flatMap(({ binary }) => Object.values(binary ?? {}).map(({ blob }) => blob)));
  if (mode === 'once') return { main: listOf(result.results[0], stepId).map((value) => itemOf(value, blobs)) };
  const failed = new Map(result.errors?.map((error) => [error.index, error]));
  const ports: Record<'main' | 'error', Item[]> = { main: [], error: [] };
  for (const [from, item] of items.entries()) {
    const error = failed.get(from);
    if (error) {
      const known = SluiceError.fromWire(error);
      ports.error.push(
        failedItem(known.code === 'internal' ? new SluiceError('code.failed', error.message) : known, item, from),
      );
      continue;
    }
    const value = result.results[from] ?? null;
    for (const one of Array.isArray(value) ? value : value === null ? [] : [value])
      ports.main.push({ ...itemOf(one, blobs), from });
  }
  return ports.error.length > 0 ? ports : { main: ports.main };
}

function logAll(call: Call, lines: unknown): void {
  for (const line of Array.isArray(lines) ? (lines as ScriptResult['logs']) : []) call.log(line.level, line.message);
}

function listOf(value: Json | undefined, stepId: string): Json[] {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null) return [];
  if (isJsonObject(value)) return [value];
  throw new SluiceError('code.failed', `The code of ${stepId} gave no list of items.`, {
    advice: 'Return a list of objects.',
  });
}

const ITEM_KEYS = new Set(['json', 'binary', 'from', 'pairedItem']);

/** A value as an item: `{ json, binary?, from? }` as it stands, as n8n's code returns it; any other object is the item's json. */
function itemOf(value: Json, blobs: ReadonlySet<string>): Item {
  if (!isJsonObject(value)) return { json: { value } };
  if (!isJsonObject(value.json) || !Object.keys(value).every((key) => ITEM_KEYS.has(key))) return { json: value };
  const item: Item = { json: value.json };
  const from = fromOf(value.from ?? value.pairedItem);
  if (from !== undefined) item.from = from;
  const binary = Item.shape.binary.safeParse(value.binary);
  if (binary.success && binary.data) {
    // Only what came in may go out: a name of bytes is a right to read them.
    const known = Object.entries(binary.data).filter(([, { blob }]) => Hash.safeParse(blob).success && blobs.has(blob));
    if (known.length > 0) item.binary = Object.fromEntries(known);
  }
  return item;
}

function fromOf(value: Json | undefined): number | undefined {
  const index = isJsonObject(value) ? (value as JsonObject).item : value;
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 ? index : undefined;
}
