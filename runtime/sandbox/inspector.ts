import type { InspectorSession, Isolate } from 'isolated-vm';
import { addressOf } from './program.ts';
import type { ScriptHead } from './script.ts';

export type InspectorDeps = { root: string; send(message: string): void };
export type Inspector = {
  /** A message of the debugger; undefined: it has gone, and what it held goes on. */
  tell(message: string | undefined): void;
  /** Before a script runs: the first one after a debugger came is paused at its first line. */
  atFirst(head: Pick<ScriptHead, 'kind' | 'path'>): void;
  /** After a script ran. */
  atEnd(): void;
  close(): void;
};

/** Ids of our own requests, far from those that debuggers count up from 1. */
const OURS = 2_000_000_000;
/** A message that comes in the moment in which code is being paused is only seen with the next one: so we send another. */
const POKE_MS = 50;
/** True once in each world, so that only the first item is paused. */
const ONCE = '((own, name) => own[name] !== true && (own[name] = true))(globalThis, Symbol.for("sluice:paused"))';

/** The door between a debugger and an isolate, which is made when the debugger says its first word. */
export function createInspector({ root, send }: InspectorDeps, isolateFor: () => Isolate): Inspector {
  let session: InspectorSession | undefined;
  let attached = false;
  let first = true;
  let breakpoint: string | undefined;
  let asked = OURS;
  let unanswered = 0;
  let poking: NodeJS.Timeout | undefined;

  function open(): InspectorSession {
    const opened = isolateFor().createInspectorSession();
    opened.onNotification = (message) => {
      if (attached) send(message);
    };
    opened.onResponse = (id, message) => {
      unanswered = Math.max(0, unanswered - 1);
      if (id < OURS) {
        if (attached) send(message);
        return;
      }
      const { result } = JSON.parse(message) as { result?: { breakpointId?: string } };
      breakpoint = result?.breakpointId ?? breakpoint;
    };
    return opened;
  }

  function dispatch(message: string): void {
    if (!session) return;
    unanswered += 1;
    session.dispatchProtocolMessage(message);
    poking ??= setInterval(poke, POKE_MS);
  }

  function poke(): void {
    if (unanswered > 0 && session) {
      unanswered += 1;
      session.dispatchProtocolMessage(JSON.stringify({ id: ++asked, method: 'Runtime.getIsolateId' }));
    } else {
      clearInterval(poking);
      poking = undefined;
    }
  }

  const ask = (method: string, params: object = {}) => dispatch(JSON.stringify({ id: ++asked, method, params }));

  return {
    tell(message) {
      if (message !== undefined) {
        session ??= open();
        if (!attached) first = true;
        attached = true;
        return dispatch(message);
      }
      // The session stays: to take it away while code is paused ends the process now and then.
      attached = false;
      breakpoint = undefined;
      for (const domain of ['Debugger', 'Profiler', 'HeapProfiler', 'Runtime']) ask(`${domain}.disable`);
    },
    atFirst({ kind, path }) {
      if (!attached || !first) return;
      first = false;
      // The first line of an inline body is ours.
      const lineNumber = kind === 'body' ? 1 : 0;
      const url = addressOf({ kind }, path, root);
      ask('Debugger.setBreakpointByUrl', { url, lineNumber, columnNumber: 0, condition: ONCE });
    },
    atEnd() {
      // To remove it while code is paused there makes the debugger miss the other breakpoints.
      if (breakpoint !== undefined) ask('Debugger.removeBreakpoint', { breakpointId: breakpoint });
      breakpoint = undefined;
    },
    close() {
      clearInterval(poking);
      poking = undefined;
      session?.dispose();
      session = undefined;
      breakpoint = undefined;
      unanswered = 0;
    },
  };
}
