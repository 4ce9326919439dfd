import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError, type WireError } from '#shared/error.ts';

/** How a host is reached. Everything above this file sees only these three. */
export type Link = {
  /** Carries one call across. @throws SluiceError, `service.unavailable` while the link is down */
  call(name: string, input: unknown): Promise<unknown>;
  subscribe(listener: (event: HostEvent) => void): () => void;
  /** Told whenever the link comes up or goes down; at once with how it is now. */
  onState(listener: (up: boolean) => void): () => void;
};

export type Reply = { ok: true; output: unknown } | { ok: false; error: WireError };
type Bridge = {
  call(name: string, input: unknown): Promise<Reply>;
  subscribe(listener: (event: HostEvent) => void): () => void;
};

declare global {
  interface Window {
    /** Put there by the preload script; only inside Electron. */
    sluice?: Bridge;
  }
}

/** Electron's bridge where there is one, else a socket back to where this page came from. */
export function connect(): Link {
  return window.sluice ? bridgeLink(window.sluice) : socketLink(socketAddress(), takeToken());
}

function unwrap(reply: Reply): unknown {
  if (reply.ok) return reply.output;
  throw SluiceError.fromWire(reply.error);
}

function bridgeLink(bridge: Bridge): Link {
  return {
    call: async (name, input) => unwrap(await bridge.call(name, input)),
    subscribe: (listener) => bridge.subscribe(listener),
    onState: (listener) => {
      listener(true);
      return () => {};
    },
  };
}

function socketAddress(): string {
  const address = new URL('.', window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  return address.href;
}

/** The token of `#token=…`, kept for a reload of this tab and taken out of the address. */
function takeToken(): string {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token');
  if (token) {
    sessionStorage.setItem('token', token);
    window.history.replaceState(null, '', window.location.pathname + window.location.search);
    return token;
  }
  return sessionStorage.getItem('token') ?? '';
}

type Waiting = { resolve: (output: unknown) => void; reject: (error: unknown) => void };

/** A socket that comes back by itself. Calls made while it is down fail, so that the save loop keeps what it has. */
export function socketLink(address: string, token: string): Link {
  const listeners = new Set<(event: HostEvent) => void>();
  const watchers = new Set<(up: boolean) => void>();
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  let socket: WebSocket | undefined;
  let up: boolean | undefined;
  let delayMs = 250;
  let opened = Promise.resolve();

  function say(state: boolean) {
    if (up === state) return;
    up = state;
    for (const watcher of watchers) watcher(state);
  }

  function open() {
    const next = new WebSocket(address);
    socket = next;
    opened = new Promise((resolve) => {
      next.addEventListener('open', () => {
        next.send(JSON.stringify({ token }));
        delayMs = 250;
        resolve();
        say(true);
      });
      next.addEventListener('close', () => {
        resolve();
        for (const call of waiting.values()) call.reject(linkDown());
        waiting.clear();
        say(false);
        setTimeout(open, delayMs);
        delayMs = Math.min(delayMs * 2, 5_000);
      });
    });
    next.addEventListener('message', (message) => {
      const frame = JSON.parse(String(message.data)) as { id?: number; reply?: Reply; event?: HostEvent };
      if (frame.event) for (const listener of listeners) listener(frame.event);
      if (frame.id === undefined || !frame.reply) return;
      const call = waiting.get(frame.id);
      waiting.delete(frame.id);
      if (!call) return;
      if (frame.reply.ok) call.resolve(frame.reply.output);
      else call.reject(SluiceError.fromWire(frame.reply.error));
    });
  }
  open();

  return {
    async call(name, input) {
      await opened;
      const current = socket;
      if (!current || current.readyState !== WebSocket.OPEN) throw linkDown();
      const id = nextId++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        current.send(JSON.stringify({ id, name, input }));
      });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onState(watcher) {
      watchers.add(watcher);
      if (up !== undefined) watcher(up);
      return () => watchers.delete(watcher);
    },
  };
}

function linkDown(): SluiceError {
  return new SluiceError('service.unavailable', 'The editor lost its host.', {
    advice: 'Start Sluice again; what you changed is kept here and saved when it answers.',
  });
}
