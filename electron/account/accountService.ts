import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tokens } from '#shared/contract/cloud/auth.ts';
import type { User, Workspace } from '#shared/contract/cloud/common.ts';
import type { AccountState } from '#shared/contract/host/account.ts';
import { SluiceError } from '#shared/error.ts';
import { withFileLock } from '../vault/fileLock.ts';
import type { SecretStore } from '../vault/secretStore.ts';
import { readAccountFile, writeAccountFile } from './accountFile.ts';
import { type CloudClient, createCloudClient, notSignedIn, type SessionTokens } from './cloudClient.ts';
import { cloudKey } from './cloudKey.ts';
import { beginCodeSignIn } from './codeSignIn.ts';
import { beginSignIn } from './signIn.ts';

export type AccountDeps = {
  cloudUrl: string;
  dataDir: string;
  vault: SecretStore;
  /** The program's version, for the name it gives itself. */
  version: string;
  onChanged(state: AccountState): void;
  patienceMs?: number;
};

export type AccountService = {
  state(): AccountState;
  /** This installation, as commits name it. */
  deviceId: string;
  /** Starts a sign-in and gives the address to open; one that is on its way is ended. `finished` tells how it went. */
  signIn(): Promise<{ url: string; finished: Promise<AccountState> }>;
  /** The same for a computer without a browser: the code is entered at the address, wherever there is one. */
  signInByCode(): Promise<{ url: string; userCode: string; finished: Promise<AccountState> }>;
  cancelSignIn(): void;
  /** Ends the session here and there. Projects, runs and connections stay. */
  signOut(): Promise<void>;
  /** Asks who we are; on a computer that was signed in this brings the account back. Never throws: the state tells. */
  refresh(): Promise<AccountState>;
  /** The control plane, as this account, in a workspace. */
  client(workspaceId?: string): CloudClient;
  session: SessionTokens;
  /** Whoever talks to the control plane tells whether it answers. */
  noteReachable(up: boolean): void;
  close(): void;
};

/** A sign-in on its way. */
type Attempt = { tokens: Promise<Tokens>; cancel(): void };

const SCOPE = 'account';
/** An access token this close to its end is renewed before it is used. */
const MARGIN_MS = 20_000;
const SIGN_OUT_MS = 5_000;

/**
 * One person's sign-in on this computer. The refresh token is in the vault, the access token in memory only. A sign-in that
 * ends takes nothing local with it.
 */
export function createAccountService(deps: AccountDeps): AccountService {
  const { cloudUrl, dataDir, vault } = deps;
  const userAgent = `Sluice/${deps.version} (${process.platform})`;
  const key = cloudKey(cloudUrl);
  const file = readAccountFile(dataDir);
  let known: { user: User; workspaces: Workspace[] } | undefined = file.accounts[key];
  let access: { token: string; until: number } | undefined;
  let renewing: Promise<string> | undefined;
  let attempt: Attempt | undefined;
  let status: AccountState['status'] = firstStatus();

  function firstStatus(): AccountState['status'] {
    if (!known) return 'signed_out';
    return vault.get(SCOPE, key) === undefined ? 'expired' : 'signed_in';
  }

  const state = (): AccountState => ({
    cloudUrl,
    status,
    ...(known ? { user: known.user } : {}),
    workspaces: known?.workspaces ?? [],
    vault: vault.kind,
  });

  function become(next: AccountState['status'], always = false): AccountState {
    const changed = next !== status || always;
    status = next;
    if (changed) deps.onChanged(state());
    return state();
  }

  async function keep(tokens: Tokens): Promise<string> {
    // First the one that cannot be had again.
    await vault.set(SCOPE, key, tokens.refreshToken);
    access = { token: tokens.accessToken, until: Date.now() + tokens.expiresIn * 1_000 - MARGIN_MS };
    return tokens.accessToken;
  }

  /** A second use of a refresh token ends the session, so only one process at a time renews, with the newest there is. */
  function renewOnce(): Promise<string> {
    renewing ??= withFileLock(join(dataDir, 'vault', 'renew.lock'), async () => {
      const refreshToken = vault.get(SCOPE, key);
      if (refreshToken === undefined) {
        become(known ? 'expired' : 'signed_out');
        throw notSignedIn();
      }
      try {
        const tokens = await createCloudClient({ cloudUrl, userAgent }).auth.token({
          grantType: 'refresh_token',
          refreshToken,
        });
        const token = await keep(tokens);
        if (known && status !== 'signing_in') become('signed_in');
        return token;
      } catch (thrown) {
        throw noteFailure(thrown);
      }
    }).finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  function noteFailure(thrown: unknown): unknown {
    const code = thrown instanceof SluiceError ? thrown.code : undefined;
    if (code === 'session.expired' || code === 'token.invalid' || code === 'access.unauthenticated') {
      access = undefined;
      // While a new sign-in is on its way, that is what matters.
      if (status !== 'signing_in') become(known ? 'expired' : 'signed_out');
    } else if (code === 'cloud.unreachable' && status === 'signed_in') become('unreachable');
    return thrown;
  }

  const session: SessionTokens = {
    access: async () => (access && access.until > Date.now() ? access.token : renewOnce()),
    renew: async (refused) => {
      if (access && access.token !== refused) return access.token;
      access = undefined;
      return renewOnce();
    },
  };

  const client = (workspaceId?: string) => createCloudClient({ cloudUrl, userAgent, session, workspaceId });
  const anybody = createCloudClient({ cloudUrl, userAgent });

  async function learn(): Promise<AccountState> {
    const whoami = await client().auth.whoami({});
    const before = JSON.stringify(known);
    known = whoami;
    file.accounts[key] = whoami;
    await writeAccountFile(dataDir, file);
    return become('signed_in', JSON.stringify(known) !== before);
  }

  /** From here on this attempt is the one that counts. */
  function begin(current: Attempt): Promise<AccountState> {
    attempt = current;
    become('signing_in');
    const finished = finish(current);
    finished.catch(() => undefined);
    return finished;
  }

  async function finish(current: Attempt): Promise<AccountState> {
    try {
      await keep(await current.tokens);
      return await learn();
    } catch (thrown) {
      // One that was replaced or cancelled says nothing about the one after it.
      if (attempt === current) become(firstStatus());
      throw thrown;
    } finally {
      if (attempt === current) attempt = undefined;
    }
  }

  return {
    state,
    deviceId: file.deviceId,
    session,
    client,

    signIn: async () => {
      attempt?.cancel();
      const { url, grant, cancel } = await beginSignIn({
        cloudUrl,
        deviceName: deviceName(),
        patienceMs: deps.patienceMs,
      });
      const tokens = grant.then((granted) =>
        anybody.auth.token({ grantType: 'authorization_code', ...granted, deviceName: deviceName() }),
      );
      return { url, finished: begin({ tokens, cancel }) };
    },

    signInByCode: async () => {
      attempt?.cancel();
      const { url, userCode, tokens, cancel } = await beginCodeSignIn({ cloud: anybody, deviceName: deviceName() });
      return { url, userCode, finished: begin({ tokens, cancel }) };
    },

    cancelSignIn: () => {
      attempt?.cancel();
    },

    signOut: async () => {
      attempt?.cancel();
      if (vault.get(SCOPE, key) !== undefined) {
        // Where nobody answers, the session ends by itself; here it ends now.
        const impatience = new AbortController();
        const enough = sleep(SIGN_OUT_MS, undefined, { signal: impatience.signal });
        await Promise.race([client().auth.signOut({}), enough]).catch(() => undefined);
        impatience.abort();
        enough.catch(() => undefined);
      }
      access = undefined;
      known = undefined;
      delete file.accounts[key];
      await vault.remove(SCOPE, key);
      await writeAccountFile(dataDir, file);
      become('signed_out');
    },

    refresh: async () => {
      if (vault.get(SCOPE, key) === undefined) return become(attempt ? 'signing_in' : firstStatus());
      try {
        return await learn();
      } catch (thrown) {
        noteFailure(thrown);
        return state();
      }
    },

    noteReachable: (up) => {
      if (up && status === 'unreachable') become('signed_in');
      else if (!up && status === 'signed_in') become('unreachable');
    },

    close: () => attempt?.cancel(),
  };
}

/** What the devices page of the control plane shows. */
function deviceName(): string {
  return `Sluice on ${hostname()}`.slice(0, 120);
}
