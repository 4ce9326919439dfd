import type { User } from '#shared/contract/cloud/common.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { AccountState } from '#shared/contract/host/account.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import type { CloudClient, Person } from './innerClient.ts';
import { notHere } from './notHere.ts';

export const userOf = ({ session }: Person): User => {
  const { userId: id, email, name, emailVerified } = session;
  return { id, email, name, emailVerified };
};

/** Whoever has this window open is signed in: the page and its socket are given to nobody else. */
export function webAccountCalls(deps: { publicUrl: string; cloud(): CloudClient }): Service<HostApi['account']> {
  const { publicUrl, cloud } = deps;
  return {
    state: async (): Promise<AccountState> => {
      const { user, workspaces } = await cloud().auth.whoami({});
      return { cloudUrl: publicUrl, status: 'signed_in', user, workspaces, vault: 'browser' };
    },
    signIn: () => ({ url: new URL('/sign-in?next=/app', publicUrl).href, opened: false }),
    cancelSignIn: () => {
      throw notHere('There is no sign-in under way.');
    },
    signOut: async () => {
      await cloud().auth.signOut({});
      return { done: true };
    },
  };
}
