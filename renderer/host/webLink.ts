import type { CloudApi } from '#shared/contract/cloudApi.ts';
import { type Client, createClient } from '#shared/contract/contract.ts';
import { type Preferences, Preferences as PreferencesShape } from '#shared/contract/host/host.ts';
import { projectOfPath } from '#shared/webScreens.ts';
import type { Link } from './connect.ts';
import { type SocketLink, socketAddress, socketLink } from './socketLink.ts';

/** The server closes with this where nobody is signed in. */
const NOT_SIGNED_IN = 4401;
const KEPT_AT = 'preferences';

/** Whether the control plane serves this page, which it says in its head. */
export function isServedByCloud(): boolean {
  return document.querySelector('meta[name="sluice-host"][content="web"]') !== null;
}

let socket: SocketLink | undefined;

/**
 * The host in the cloud, signed in by the cookie that came with the page. What is of this browser alone, its theme and the
 * sizes of things, is kept in this browser.
 */
export function webLink(): Link {
  const own = socketLink(socketAddress('/app/host'), {
    onClosed: (code) => {
      if (code !== NOT_SIGNED_IN) return false;
      goToSignIn();
      return true;
    },
  });
  socket = own;
  return {
    ...own,
    call: async (name, input) => {
      if (name === 'host.preferences') return keptPreferences();
      if (name === 'host.setPreferences') return keepPreferences(input as Preferences);
      const output = await own.call(name, input);
      if (name === 'account.signOut') goToSignIn('/app');
      return output;
    },
  };
}

let ended = false;

/** Whether the page is on its way to the sign-in; nothing of its person stays behind. */
export const hasEnded = (): boolean => ended;

function goToSignIn(back = window.location.pathname): void {
  ended = true;
  window.location.assign(`/sign-in?next=${encodeURIComponent(back)}`);
}

function keptPreferences(): Preferences {
  const { lastProjectId: _other, ...kept } = readKept();
  const lastProjectId = projectOfPath(window.location.pathname);
  // The address says which project is open here; another tab may have another one.
  return { ...kept, ...(lastProjectId ? { lastProjectId } : {}) };
}

function readKept(): Preferences {
  try {
    const kept = PreferencesShape.safeParse(JSON.parse(localStorage.getItem(KEPT_AT) ?? '{}'));
    if (kept.success) return kept.data;
  } catch {
    // Storage may be switched off, or hold what somebody else put there; as at the first visit, then.
  }
  return { theme: 'system', layout: {} };
}

function keepPreferences(preferences: Preferences): { done: true } {
  try {
    localStorage.setItem(KEPT_AT, JSON.stringify(preferences));
  } catch {
    // It is kept for as long as the page is open.
  }
  return { done: true };
}

/** Carries a call of the cloud's API, for the screens that only the web has. */
export function askCloud(name: string, input: unknown, workspaceId?: string): Promise<unknown> {
  if (!socket) throw new Error('This page is not served by the control plane.');
  return socket.ask({ cloud: name, input, ...(workspaceId ? { workspaceId } : {}) });
}

/** The cloud's API as the person of this page, in one workspace. */
export async function cloudClient(workspaceId?: string): Promise<Client<CloudApi>> {
  // Its schemas are large, and only the screens of the web need them.
  const { cloudApi } = await import('#shared/contract/cloudApi.ts');
  return createClient(cloudApi, (name, input) => askCloud(name, input, workspaceId));
}
