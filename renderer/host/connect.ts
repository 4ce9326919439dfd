import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError, type WireError } from '#shared/error.ts';
import { socketAddress, socketLink } from './socketLink.ts';
import { isServedByCloud, webLink } from './webLink.ts';

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

/** Electron's bridge where there is one; else a socket back to where this page came from, a computer's host or the cloud. */
export function connect(): Link {
  if (window.sluice) return bridgeLink(window.sluice);
  return isServedByCloud() ? webLink() : socketLink(socketAddress('.'), { hello: { token: takeToken() } });
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
