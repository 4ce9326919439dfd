import { WebSocket } from 'ws';
import { FeedMessage, type FeedRequest } from '#shared/contract/feed.ts';
import { TREE_FORMAT } from '#shared/workflow/tree.ts';
import type { SessionTokens } from '../account/cloudClient.ts';

export type FeedDeps = {
  cloudUrl: string;
  userAgent: string;
  session: SessionTokens;
  onMessage(workspaceId: string, message: FeedMessage): void;
  /** The feed of a workspace came up: whatever was missed is to be asked for. Or it went down. */
  onState(workspaceId: string, up: boolean): void;
  /** For tests. */
  firstDelayMs?: number;
};

/** What the control plane tells by itself, one socket for each workspace somebody watches. */
export type FeedClient = {
  watch(workspaceId: string, projectId: string): void;
  unwatch(workspaceId: string, projectId: string): void;
  /** Events of one run after a sequence number, then live ones. */
  watchRun(workspaceId: string, runId: string, afterSeq: number): void;
  isUp(workspaceId: string): boolean;
  /** Says something that is worth nothing later; where the feed is down it is not said. */
  say(workspaceId: string, request: FeedRequest): void;
  /** Tries at once where it waits to try again, as after a sign-in. */
  wake(): void;
  close(): void;
};

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** The server pings; a socket that is this long silent is dead. */
const SILENT_MS = 90_000;
/** The close code of a server that does not take the token. */
const TOKEN_REFUSED = 4401;
const MAX_WATCHED_RUNS = 20;
const MAX_MESSAGE_BYTES = 16 * 1_048_576;

type Line = {
  watch(projectId: string): void;
  unwatch(projectId: string): boolean;
  watchRun(runId: string, afterSeq: number): void;
  isUp(): boolean;
  say(request: FeedRequest): void;
  wake(): void;
  close(): void;
};

export function createFeedClient(deps: FeedDeps): FeedClient {
  const lines = new Map<string, Line>();
  const lineOf = (workspaceId: string) => {
    const line = lines.get(workspaceId) ?? openLine(workspaceId, deps);
    lines.set(workspaceId, line);
    return line;
  };
  return {
    watch: (workspaceId, projectId) => lineOf(workspaceId).watch(projectId),
    unwatch: (workspaceId, projectId) => {
      const line = lines.get(workspaceId);
      if (!line?.unwatch(projectId)) return;
      line.close();
      lines.delete(workspaceId);
    },
    watchRun: (workspaceId, runId, afterSeq) => lineOf(workspaceId).watchRun(runId, afterSeq),
    isUp: (workspaceId) => lines.get(workspaceId)?.isUp() ?? false,
    say: (workspaceId, request) => lines.get(workspaceId)?.say(request),
    wake: () => {
      for (const line of lines.values()) line.wake();
    },
    close: () => {
      for (const line of lines.values()) line.close();
      lines.clear();
    },
  };
}

/** One socket that comes back by itself, later each time. */
function openLine(workspaceId: string, deps: FeedDeps): Line {
  const firstDelayMs = deps.firstDelayMs ?? FIRST_DELAY_MS;
  const projects = new Set<string>();
  /** Runs somebody looks at, with the last event that arrived. */
  const runs = new Map<string, number>();
  let socket: WebSocket | undefined;
  let ready = false;
  let closed = false;
  let delayMs = firstDelayMs;
  let timer: NodeJS.Timeout | undefined;
  let silence: NodeJS.Timeout | undefined;
  let refusedToken: string | undefined;

  const say = (request: FeedRequest) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request));
  };
  const later = (ms: number) => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void open(), ms);
  };
  const laterAgain = () => {
    // Many desktops whose server comes back do not all knock at once.
    later(delayMs * (0.5 + Math.random() / 2));
    delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
  };

  async function open(): Promise<void> {
    if (closed || socket) return;
    let accessToken: string;
    try {
      accessToken = refusedToken === undefined ? await deps.session.access() : await deps.session.renew(refusedToken);
      refusedToken = undefined;
    } catch {
      return laterAgain();
    }
    if (closed || socket) return;
    const url = new URL('/v1/feed', deps.cloudUrl);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const current = new WebSocket(url, {
      headers: { 'user-agent': deps.userAgent },
      maxPayload: MAX_MESSAGE_BYTES,
      handshakeTimeout: 10_000,
    });
    socket = current;
    let welcomed = false;
    let afterMs: number | undefined;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => current.terminate(), SILENT_MS);
    };
    current.on('ping', alive);
    current.on('open', () => {
      alive();
      say({ type: 'hello', accessToken, workspaceId, format: TREE_FORMAT });
    });
    current.on('error', () => undefined);
    current.on('close', () => {
      clearTimeout(silence);
      if (socket !== current) return;
      socket = undefined;
      if (ready) {
        ready = false;
        deps.onState(workspaceId, false);
      }
      if (afterMs !== undefined) later(afterMs);
      else laterAgain();
    });
    current.on('message', (data) => {
      alive();
      const message = readMessage(String(data));
      // A newer server may say things this release does not know.
      if (!message) return;
      if (message.type === 'ready') {
        welcomed = ready = true;
        delayMs = firstDelayMs;
        for (const projectId of projects) say({ type: 'watch', projectId });
        for (const [runId, afterSeq] of runs) say({ type: 'watch_run', runId, afterSeq });
        deps.onState(workspaceId, true);
      } else if (message.type === 'reconnect') {
        afterMs = message.afterMs;
        current.close();
      } else if (message.type === 'revoked') {
        refusedToken = accessToken;
        current.close();
      }
      if (message.type === 'run.event') {
        const { runId, seq, type } = message.event;
        if (type === 'run.ended') runs.delete(runId);
        else if (runs.has(runId)) runs.set(runId, seq);
      }
      if (message.type !== 'ready') deps.onMessage(workspaceId, message);
    });
    current.on('unexpected-response', (_request, response) => {
      response.resume();
      current.terminate();
    });
    current.on('close', (code) => {
      // Turned away right after the hello: the token, most likely.
      if (!welcomed && (code === 1008 || code === TOKEN_REFUSED)) refusedToken = accessToken;
    });
  }

  void open();
  return {
    watch: (projectId) => {
      projects.add(projectId);
      if (ready) say({ type: 'watch', projectId });
    },
    unwatch: (projectId) => {
      projects.delete(projectId);
      if (ready) say({ type: 'unwatch', projectId });
      return projects.size === 0;
    },
    watchRun: (runId, afterSeq) => {
      runs.delete(runId);
      runs.set(runId, afterSeq);
      const [oldest] = runs.keys();
      if (runs.size > MAX_WATCHED_RUNS && oldest !== undefined) runs.delete(oldest);
      if (ready) say({ type: 'watch_run', runId, afterSeq });
    },
    isUp: () => ready,
    say: (request) => {
      if (ready) say(request);
    },
    wake: () => {
      if (!socket) later(0);
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      clearTimeout(silence);
      const last = socket;
      socket = undefined;
      last?.close(1000);
    },
  };
}

function readMessage(text: string): FeedMessage | undefined {
  try {
    return FeedMessage.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
