import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';

/** Code of a person, and all it may know. JSON in, JSON out; nothing else crosses. */
export type ScriptRequest = {
  language: 'javascript' | 'typescript' | 'python';
  /**
   * Either a module (`path` names it) with a default export, in Python with a function `main`; or the body of a
   * function (inline code).
   */
  source: string;
  kind: 'module' | 'body';
  /** Names the source in errors: `scripts/score.ts`, or the step's id for inline code. */
  path: string;
  /** The other scripts of the project that it may import, by path as `path` has it; and packed modules, as `package:name`. */
  files?: Record<string, string>;
  /** Whose code this is, such as the project's id: nothing that runs it is shared with another. */
  scope?: string;
  mode: 'each' | 'once';
  items: Item[];
  limits: { wallMs: number; cpuMs: number; memoryMb: number; outputBytes: number; logLines: number };
  context: {
    env: JsonObject;
    run: JsonObject;
    workflow: JsonObject;
    trigger: Json;
    request: Json;
    /** Milliseconds since 1970 of the step run's first attempt. */
    now: number;
    timezone: string;
    /** Where `random()` and `uuid()` start. */
    seed: string;
    /** Items of the latest run of each step the code names, by id and by name. */
    steps: Record<string, Item[]>;
    /** For each of those names, which of its items each input item came from. Without it, only a single item is known. */
    lineage?: Record<string, (number | null)[]>;
  };
};

export type ScriptResult = {
  /** For each input item (`each`) what the code returned for it, else one entry with the whole list (`once`). */
  results: Json[];
  logs: { level: 'debug' | 'info' | 'warn' | 'error'; message: string }[];
  /** In `each`: the items that failed, by index. The others still count. */
  errors?: { index: number; code: string; message: string }[];
};

/** Where people's code runs: processes of their own, expendable, without secrets, files or network. */
export type Sandbox = {
  /** @throws SluiceError code.failed, code.syntax, code.timed_out, code.memory_exceeded, code.output_exceeded */
  run(request: ScriptRequest, signal: AbortSignal): Promise<ScriptResult>;
  close(): Promise<void>;
};
