import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Link, Reply } from './connect.ts';

/** The address of a socket at a path of this page's own server. */
export function socketAddress(path: string): string {
  const address = new URL(path, window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  return address.href;
}

/** A link by frames: besides a call of the contract it carries what else the other side answers. */
export type SocketLink = Link & { ask(frame: object): Promise<unknown> };

type SocketOptions = {
  /** What is shown first, where the address itself does not say who asks. */
  hello?: object;
  /** Told why the other side ended it. True: it is not opened again. */
  onClosed?: (code: number) => boolean;
};

type Waiting = { resolve: (output: unknown) => void; reject: (error: unknown) => void };

/** A socket that comes back by itself. Calls made while it is down fail, so that the save loop keeps what it has. */
export function socketLink(address: string, { hello, onClosed }: SocketOptions = {}): SocketLink {
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
        if (hello) next.send(JSON.stringify(hello));
        delayMs = 250;
        resolve();
        say(true);
      });
      next.addEventListener('close', ({ code }) => {
        resolve();
        for (const call of waiting.values()) call.reject(linkDown());
        waiting.clear();
        say(false);
        if (onClosed?.(code)) return;
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

  async function ask(frame: object): Promise<unknown> {
    await opened;
    const current = socket;
    if (!current || current.readyState !== WebSocket.OPEN) throw linkDown();
    const id = nextId++;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      current.send(JSON.stringify({ id, ...frame }));
    });
  }

  return {
    ask,
    call: (name, input) => ask({ name, input }),
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
