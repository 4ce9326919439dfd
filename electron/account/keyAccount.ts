import type { AccountState } from '#shared/contract/host/account.ts';
import { SluiceError } from '#shared/error.ts';
import { readAccountFile } from './accountFile.ts';
import type { AccountDeps, AccountService } from './accountService.ts';
import { createCloudClient, type SessionTokens } from './cloudClient.ts';

/**
 * A program's way in: the API key of a workspace in place of a person's sign-in. It is kept nowhere, and there is nothing to
 * renew; where it is refused, it has ended.
 */
export function createKeyAccount(deps: AccountDeps & { apiKey: string }): AccountService {
  const { cloudUrl, apiKey, vault } = deps;
  const userAgent = `Sluice/${deps.version} (${process.platform})`;
  let status: AccountState['status'] = 'signed_in';
  let known: Pick<AccountState, 'user' | 'workspaces'> = { workspaces: [] };

  const session: SessionTokens = { access: async () => apiKey, renew: () => Promise.reject(keyEnded()) };
  const client = (workspaceId?: string) =>
    createCloudClient({ cloudUrl, userAgent, session, workspaceId, patient: true });
  const state = (): AccountState => ({ cloudUrl, status, ...known, vault: vault.kind });

  function become(next: AccountState['status']): AccountState {
    const changed = next !== status;
    status = next;
    if (changed) deps.onChanged(state());
    return state();
  }

  const notAPerson = () =>
    new SluiceError('host.not_supported', 'SLUICE_API_KEY is set, so nobody signs in or out here.', {
      advice: 'Unset it to sign in as a person; revoke the key in the settings of its workspace.',
    });

  return {
    state,
    deviceId: readAccountFile(deps.dataDir).deviceId,
    session,
    client,
    signIn: () => Promise.reject(notAPerson()),
    signInByCode: () => Promise.reject(notAPerson()),
    signOut: () => Promise.reject(notAPerson()),
    cancelSignIn: () => undefined,
    noteReachable: (up) => void (status !== 'expired' && become(up ? 'signed_in' : 'unreachable')),
    close: () => undefined,

    async refresh() {
      try {
        const { user, workspace } = await client().apiKeys.self({});
        known = { user, workspaces: [workspace] };
        return become('signed_in');
      } catch (thrown) {
        return become(SluiceError.from(thrown).status === 401 ? 'expired' : 'unreachable');
      }
    },
  };
}

export function keyEnded(): SluiceError {
  return new SluiceError('access.unauthenticated', 'The API key in SLUICE_API_KEY is not known, or it holds no more.', {
    advice: 'Make another one, or rotate it, in the settings of the workspace.',
  });
}
