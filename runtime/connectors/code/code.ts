import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { Hash, ScriptPath } from '#shared/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { Item } from '#shared/workflow/tree.ts';
import type { ScriptResult } from '../../engine/ports/sandbox.ts';
import { scriptImports } from '../../sandbox/imports.ts';
import { packagesFor } from '../../sandbox/packages.ts';
import { wheelsFor } from '../../sandbox/wheels.ts';
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

/** Python in WebAssembly takes several times as long as V8 for the same work. */
export const PYTHON_LIMITS = { ...SCRIPT_LIMITS, cpuMs: 3_000 } as const;

const common = { version: 1, category: 'code', effect: 'pure', mode: 'each', output: PassedOn } as const;

type Language = 'javascript' | 'typescript' | 'python';

const WORDS: Record<'javascript' | 'python', { code: string; script: string }> = {
  javascript: {
    code: 'The body of a function. Each item: $json, return an object, a list or nothing. All at once: items, return a list.',
    script:
      'A file with a default export: (item, ctx) or (items, ctx). It may import other scripts of the project and its packages.',
  },
  python: {
    code: 'The body of a function, with the names item, items, json (the item’s fields) and ctx. Each item: return a dict, a list or None. All at once: return a list.',
    script:
      'A file that defines main(item, ctx) or main(items, ctx). It may import other .py files of the project and its wheels.',
  },
};

function codeConfig(endings: string[], language: Language) {
  const words = WORDS[language === 'python' ? 'python' : 'javascript'];
  return z
    .strictObject({
      code: z.string().min(1).max(500_000).optional().meta({
        title: 'Code',
        help: words.code,
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
          help: words.script,
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

export const python = defineStepType({
  ...common,
  type: 'code.python',
  title: 'Python',
  description:
    'Runs Python of yours on the items, with its standard library, in a sandbox without network and files. The first call after a pause waits about two seconds for Python to start.',
  icon: 'file-code',
  config: codeConfig(['.py'], 'python'),
  runAll: (call) => runCode(call, 'python'),
});

type CodeCall = Call & { inputs: Record<string, Item[]>; config: { code?: string; script?: string } };

async function runCode(call: CodeCall, language: Language): Promise<Record<string, Item[]>> {
  const { config, stepId, mode } = call;
  const { main: items = [] } = call.inputs;
  const script = config.script === undefined ? undefined : `scripts/${config.script.replace(/^scripts\//, '')}`;
  const source = script === undefined ? (config.code ?? '') : call.readScript(script);
  const files = filesFor(call, script, source, language);
  let result: ScriptResult;
  try {
    result = await call.script({
      language: script?.endsWith('.js') ? 'javascript' : language,
      source,
      files,
      kind: script === undefined ? 'body' : 'module',
      path: script ?? stepId,
      mode,
      items,
      limits: { ...(language === 'python' ? PYTHON_LIMITS : SCRIPT_LIMITS) },
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

/** What the code may import: other scripts of the project, and packages or wheels. */
function filesFor(call: Call, script: string | undefined, source: string, language: Language): Record<string, string> {
  const read = (path: string) => readIfThere(call, path);
  const files = script === undefined ? {} : scriptImports(script, source, read);
  const texts = [source, ...Object.values(files)];
  if (language === 'python') return { ...files, ...wheelsFor(texts, read) };
  // The body of a function has no place for an import.
  return script === undefined ? files : { ...files, ...packagesFor(texts, read) };
}

function readIfThere(call: Call, path: string): string | undefined {
  if (!ScriptPath.safeParse(path.replace(/^scripts\//, '')).success) return undefined;
  try {
    return call.readScript(path);
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'config.invalid') return undefined;
    throw thrown;
  }
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
