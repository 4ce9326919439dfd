import type { InspectorSession, Isolate } from 'isolated-vm';
import { addressOf } from './program.ts';
import type { ScriptHead } from './script.ts';

export type InspectorDeps = { root: string; send(message: string): void };
export type Inspector = {
  /** A message of the debugger; undefined: it has gone, and what it held goes on. */
  tell(message: string | undefined): void;
  /** Before a script runs: the first one after a debugger came is paused at its first line. */
  atFirst(head: Pick<ScriptHead, 'kind' | 'path'>): void;
  close(): void;
};

/** Ids of our own requests, far from those that debuggers count up from 1. */
const OURS = 2_000_000_000;

/** The door between a debugger and an isolate, which is made when the debugger says its first word. */
export function createInspector({ root, send }: InspectorDeps, isolateFor: () => Isolate): Inspector {
  let session: InspectorSession | undefined;
  let first = true;
  let breakpoint: string | undefined;
  let asked = OURS;

  function open(): InspectorSession {
    const opened = isolateFor().createInspectorSession();
    opened.onNotification = (message) => {
      send(message);
      if (breakpoint !== undefined && message.startsWith('{"method":"Debugger.paused"')) removeBreakpoint();
    };
    opened.onResponse = (id, message) => {
      if (id < OURS) return send(message);
      const { result } = JSON.parse(message) as { result?: { breakpointId?: string } };
      breakpoint = result?.breakpointId ?? breakpoint;
    };
    first = true;
    return opened;
  }

  const ask = (method: string, params: object) =>
    session?.dispatchProtocolMessage(JSON.stringify({ id: ++asked, method, params }));

  function removeBreakpoint(): void {
    const breakpointId = breakpoint;
    breakpoint = undefined;
    ask('Debugger.removeBreakpoint', { breakpointId });
  }

  function close(): void {
    session?.dispose();
    session = undefined;
    breakpoint = undefined;
  }

  return {
    tell(message) {
      if (message === undefined) return close();
      session ??= open();
      session.dispatchProtocolMessage(message);
    },
    atFirst({ kind, path }) {
      if (!session || !first) return;
      first = false;
      // The first line of an inline body is ours.
      const lineNumber = kind === 'body' ? 1 : 0;
      ask('Debugger.setBreakpointByUrl', { url: addressOf({ kind }, path, root), lineNumber, columnNumber: 0 });
    },
    close,
  };
}
