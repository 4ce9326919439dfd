import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import { frameReader } from '#runtime/sandbox/frames.ts';
import { encodeInspect } from '#runtime/sandbox/inspect.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { CliContext } from './context.ts';

/** A way for one debugger on this computer to the isolate that scripts run in, and to nothing else. */
export type InspectDoor = {
  /** `ws://127.0.0.1:<port>/<token>`: whoever knows it may look at the code and its data. */
  url: string;
  /** Resolves when a debugger came and said that the code may start. */
  ready: Promise<void>;
  /** The pipe to a runtime; a later one takes the place of the one before. */
  connect(pipe: Duplex): void;
  close(): Promise<void>;
};

const HOUR_MS = 3_600_000;
const MAX_MESSAGE_BYTES = 32 * 1_048_576;
/** What debuggers say last before they let a program start that waits for them. */
const MAY_START = '"Runtime.runIfWaitingForDebugger"';

/** Listens on loopback, on a port that is free, for a debugger that knows the token. */
async function openInspectDoor(): Promise<InspectDoor> {
  const token = randomBytes(24).toString('base64url');
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  let pipe: Duplex | undefined;
  let client: WebSocket | undefined;
  /** What a debugger said before there was a runtime to hear it. */
  let early: string[] = [];

  const server = createServer((_request, response) => {
    // No list of what can be debugged: it would hold the token.
    response.writeHead(404, { connection: 'close' }).end();
  });
  server.on('upgrade', (request, socket, head) => {
    const { port } = server.address() as AddressInfo;
    if (client || !isAllowed(request, port, token)) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      client = opened;
      opened.on('message', (data) => tell(String(data)));
      opened.on('error', () => opened.terminate());
      opened.on('close', () => {
        client = undefined;
        early = [];
        pipe?.write(encodeInspect(undefined));
      });
    });
  });

  function tell(message: string): void {
    if (pipe) pipe.write(encodeInspect(message));
    else early.push(message);
    if (message.includes(MAY_START)) isReady();
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/${token}`,
    ready,
    connect(next) {
      pipe = next;
      const read = frameReader(({ body }) => client?.send(body));
      next.on('data', read);
      next.on('error', () => undefined);
      next.once('close', () => {
        if (pipe !== next) return;
        pipe = undefined;
        // What it was told is lost with the isolate that heard it.
        client?.close(1012, 'The process that runs the code has ended.');
      });
      for (const message of early.splice(0)) next.write(encodeInspect(message));
    },
    async close() {
      client?.terminate();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Not for web pages: they may reach this address by another name, and name themselves as its origin. */
function isAllowed({ headers, url = '' }: IncomingMessage, port: number, token: string): boolean {
  const isHere = headers.host === `127.0.0.1:${port}` || headers.host === `localhost:${port}`;
  const given = Buffer.from(url.slice(1));
  const wanted = Buffer.from(token);
  const knows = given.length === wanted.length && timingSafeEqual(given, wanted);
  return isHere && knows && !/^https?:/.test(headers.origin ?? '');
}

/** A door for a command: says where it is, and gives what a runtime needs to use it. */
export async function inspectFor(context: CliContext, dir: string) {
  const door = await openInspectDoor();
  const address = door.url.slice('ws://'.length);
  context.note(`Debugger  ${door.url}`);
  context.note(`Chrome    devtools://devtools/bundled/js_app.html?ws=${address}`);
  context.note('The code starts once a debugger has come. Ctrl-C ends it.');
  const stopped = new Promise<void>((resolve) => {
    if (context.stop.aborted) resolve();
    context.stop.addEventListener('abort', () => resolve(), { once: true });
  });
  const ready = Promise.race([door.ready, stopped]);
  return { root: `${pathToFileURL(dir).href}/`, connect: door.connect, ready, close: door.close };
}

/** The workflows with code steps that may take as long as somebody looks at them, up to an hour. */
export function patientTree(tree: Tree): Tree {
  const workflows = Object.entries(tree.workflows).map(([id, workflow]) => {
    const steps = Object.entries(workflow.steps).map(([stepId, step]) => [
      stepId,
      step.uses.startsWith('code.') ? { ...step, timeoutMs: HOUR_MS } : step,
    ]);
    return [
      id,
      { ...workflow, settings: { ...workflow.settings, timeoutMs: HOUR_MS }, steps: Object.fromEntries(steps) },
    ];
  });
  return { ...tree, workflows: Object.fromEntries(workflows) };
}
