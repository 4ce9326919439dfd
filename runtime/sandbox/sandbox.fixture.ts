import { expect } from 'vitest';
import type { Json } from '#shared/json.ts';
import type { Sandbox, ScriptRequest, ScriptResult } from '../engine/ports/sandbox.ts';
import { createSandbox, type SandboxDeps } from './sandbox.ts';

/** Of time there is more than any call needs on a busy machine; who is after those limits sets them. */
export const limits: ScriptRequest['limits'] = {
  wallMs: 60_000,
  cpuMs: 60_000,
  memoryMb: 64,
  outputBytes: 200_000,
  logLines: 20,
};
export const context: ScriptRequest['context'] = {
  env: { threshold: 3 },
  run: { id: 'run-1' },
  workflow: { id: 'w', name: 'Triage' },
  trigger: { number: 17 },
  request: null,
  now: Date.UTC(2026, 10, 20, 7),
  timezone: 'Europe/Berlin',
  seed: 'seed-1',
  steps: { hook: [{ json: { from: 'hook' } }], pair: [{ json: { p: 0 } }, { json: { p: 1 } }] },
};
export const two = [{ json: { n: 1 } }, { json: { n: 2 } }];

export type Failed = { code: string; message: string; advice?: string; details?: { logs?: unknown[] } };

type Ask<T> = (source: string, more?: Partial<ScriptRequest>, signal?: AbortSignal) => Promise<T>;
export type Asking = { run: Ask<ScriptResult>; results: Ask<Json[]>; failure: Ask<Failed> };

/** Asks a sandbox for one script after the other, with what most tests have in common. */
export function asking(sandbox: Sandbox, common: Partial<ScriptRequest> = {}): Asking {
  const run = (
    source: string,
    more: Partial<ScriptRequest> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<ScriptResult> =>
    sandbox.run(
      {
        language: 'javascript',
        source,
        kind: 'body',
        path: 'score_m4t8',
        mode: 'each',
        items: two,
        limits,
        context,
        ...common,
        ...more,
      },
      signal,
    );
  return {
    run,
    results: async (source: string, more?: Partial<ScriptRequest>): Promise<Json[]> =>
      (await run(source, more)).results,
    failure: (source, more, signal) =>
      run(source, more, signal).then(
        (result) => expect.fail(`it gave ${JSON.stringify(result).slice(0, 500)}`),
        (error: Failed) => error,
      ),
  };
}

/** A sandbox in which time never runs out, however busy the machine: for tests of steps, whose own limits they cannot set. */
export function patientSandbox(deps: SandboxDeps = {}): Sandbox {
  const made = createSandbox(deps);
  const long = { wallMs: 300_000, cpuMs: 300_000 };
  return {
    run: (request, signal) => made.run({ ...request, limits: { ...request.limits, ...long } }, signal),
    close: () => made.close(),
  };
}
