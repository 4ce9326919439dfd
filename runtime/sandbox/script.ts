import type { ScriptRequest } from '../engine/ports/sandbox.ts';

/** The head of a request to a worker; its body is `{ items, context, … }` as one JSON text, which only the code's own world reads. */
export type ScriptHead = Pick<ScriptRequest, 'language' | 'kind' | 'source' | 'path' | 'limits' | 'files' | 'scope'> & {
  id: number;
};
/** A message of the inspector protocol between a debugger and the isolate, or that the debugger has gone. */
export type InspectHead = { inspect: 'message' | 'gone' };
export type ScriptLog = { level: 'debug' | 'info' | 'warn' | 'error'; message: string };
/** A failure as it crosses from the worker: never a live error object. */
export type ScriptFailure = { code: string; message: string; advice?: string };
/** The head of an answer; its body is the list of results as JSON text. */
export type ScriptReply = {
  id: number;
  logs: ScriptLog[];
  failure?: ScriptFailure;
  errors?: { index: number; code: string; message: string }[];
  /** The process has given what it had: ask another one next time. */
  worn?: boolean;
};
/** What runs scripts inside a worker. */
export type ScriptHost = {
  run(head: ScriptHead, body: string): Promise<{ reply: ScriptReply; body: string }>;
  /** What a debugger says, while scripts run or before; undefined: it has gone. Absent where nobody may look. */
  inspect?(message: string | undefined): void;
  close(): void;
};

export function tooMuchMemory(memoryMb: number): ScriptFailure {
  return {
    code: 'code.memory_exceeded',
    message: `The code needed more than ${memoryMb} MB of memory and was stopped.`,
    advice: 'Work on fewer items at a time, or keep less of them.',
  };
}
