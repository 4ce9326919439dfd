import type { Service } from '#shared/contract/contract.ts';
import type { HostFeature } from '#shared/contract/host/host.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { AppDb } from '../store/appDb.ts';

/** What a host can do besides answering: a shell with windows lends it dialogs and the system's browser. */
export type Shell = {
  kind: 'electron' | 'browser';
  /** Where nothing can ask a person for a folder, absent. */
  chooseFolder?(): Promise<string | undefined>;
  /** Opens an address in the system's browser. Absent where there is none. */
  openExternal?(url: string): Promise<void>;
  /** Whether secrets are kept in the system's keychain. */
  keychain: boolean;
};

export type HostCallsDeps = {
  appDb: AppDb;
  shell: Shell;
  version: string;
  runtimeHash: string;
  cloudUrl: string;
  projectsDir: string;
};

const SUPPORTS: HostFeature[] = ['conflicts', 'history', 'undo', 'changes', 'deletions', 'mergeMarked', 'presence'];

/** The calls about the host itself. */
export function hostCalls(deps: HostCallsDeps): Service<HostApi['host']> {
  const { shell, appDb, version, runtimeHash, cloudUrl, projectsDir } = deps;
  const platform = process.platform === 'darwin' || process.platform === 'win32' ? process.platform : 'linux';
  const can = { chooseFolder: !!shell.chooseFolder, keychain: shell.keychain, openExternal: !!shell.openExternal };
  return {
    describe: () => ({
      version,
      shell: shell.kind,
      platform,
      runtimeHash,
      cloudUrl,
      can,
      supports: SUPPORTS,
      projectsDir,
    }),
    chooseFolder: async () => {
      if (!shell.chooseFolder) {
        throw new SluiceError('host.not_supported', 'A browser tab cannot show the system’s dialog for folders.', {
          advice: 'Type the path of the folder.',
        });
      }
      const dir = await shell.chooseFolder();
      return dir === undefined ? {} : { dir };
    },
    openExternal: async ({ url }) => {
      refuseAddress(url, cloudUrl);
      if (!shell.openExternal) {
        throw new SluiceError('host.not_supported', 'There is no browser here that could be opened.', {
          advice: `Open ${url} yourself.`,
        });
      }
      await shell.openExternal(url);
      return { done: true };
    },
    preferences: () => appDb.preferences(),
    setPreferences: (preferences) => {
      appDb.setPreferences(preferences);
      return { done: true };
    },
  };
}

/** The one gate to the outside: https, or the control plane itself. @throws SluiceError access.denied */
export function refuseAddress(url: string, cloudUrl: string): void {
  const { protocol, origin } = new URL(url);
  if (protocol === 'https:' || (protocol === 'http:' && origin === new URL(cloudUrl).origin)) return;
  throw new SluiceError('access.denied', `${protocol}//… is not opened from here.`, {
    advice: 'Only https addresses and those of the control plane are.',
  });
}
