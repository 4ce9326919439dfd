import type { StateCreator } from 'zustand';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { AccountState } from '#shared/contract/host/account.ts';
import type { SyncState } from '#shared/contract/host/common.ts';
import type { EditorDeps, EditorState } from './store.ts';

export type AccountSlice = {
  account: AccountState | undefined;
  /** The sign-in page, for those whose browser did not open. */
  signInUrl: string | undefined;
  deployments: Deployment[];
  accountChanged(account: AccountState): void;
  deploymentChanged(deployment: Deployment): void;
  syncChanged(projectId: string, sync: SyncState): void;
  signIn(): Promise<void>;
  cancelSignIn(): Promise<void>;
  signOut(): Promise<void>;
  loadDeployments(): Promise<void>;
  syncNow(): Promise<void>;
};

export function createAccountSlice({ client }: EditorDeps): StateCreator<EditorState, [], [], AccountSlice> {
  return (set, get) => ({
    account: undefined,
    signInUrl: undefined,
    deployments: [],

    accountChanged(account) {
      const before = get().account?.status;
      set({ account, ...(account.status === 'signing_in' ? {} : { signInUrl: undefined }) });
      if (before !== account.status && account.status === 'signed_in') {
        if (before === 'signing_in')
          get().say({ kind: 'ok', title: `Signed in as ${account.user?.name || account.user?.email || ''}` });
        if (get().dialog === 'sign-in') set({ dialog: undefined });
        void get().loadRuns();
        void get().loadDeployments();
      }
    },

    deploymentChanged(deployment) {
      set((state) => {
        const known = state.deployments.some((one) => one.id === deployment.id);
        return {
          deployments: known
            ? state.deployments.map((one) => (one.id === deployment.id ? deployment : one))
            : [deployment, ...state.deployments],
        };
      });
    },

    syncChanged(projectId, sync) {
      set((state) => ({
        projects: state.projects.map((one) => (one.id === projectId ? { ...one, sync } : one)),
        doc: state.doc?.info.id === projectId ? { ...state.doc, info: { ...state.doc.info, sync } } : state.doc,
      }));
    },

    async signIn() {
      try {
        const { url } = await client.account.signIn({});
        set((state) => ({ signInUrl: url, dialog: state.dialog ?? 'sign-in' }));
        // The event may have come first; waiting is what is true from here on.
        const account = await client.account.state({});
        get().accountChanged(account);
      } catch (thrown) {
        get().fail(thrown, 'The sign-in did not start');
      }
    },

    async cancelSignIn() {
      await client.account
        .cancelSignIn({})
        .catch((thrown: unknown) => get().fail(thrown, 'The sign-in could not be cancelled'));
      set({ signInUrl: undefined });
    },

    async signOut() {
      await client.account.signOut({}).catch((thrown: unknown) => get().fail(thrown, 'You are still signed in'));
    },

    async loadDeployments() {
      const { doc, account } = get();
      if (!doc || account?.status !== 'signed_in' || doc.info.sync.state === 'local_only') return;
      try {
        const { data } = await client.publish.deployments({ projectId: doc.info.id, limit: 50 });
        if (get().doc?.info.id === doc.info.id) set({ deployments: data });
      } catch {
        // The deployments screen asks again and says why it cannot.
      }
    },

    async syncNow() {
      const { doc } = get();
      if (!doc) return;
      try {
        get().syncChanged(doc.info.id, await client.sync.now({ projectId: doc.info.id }));
      } catch (thrown) {
        get().fail(thrown, 'The project was not synced');
      }
    },
  });
}
