import { type BrowserWindow, dialog, safeStorage, shell } from 'electron';
import { isOpenable } from './harden.ts';
import type { Lent } from './hostProcess.ts';

/** Whether the system encrypts for us. Linux's `basic_text` only hides, so it counts as no keychain. */
export async function canEncrypt(): Promise<boolean> {
  if (process.platform === 'linux') {
    const backend = safeStorage.getSelectedStorageBackend();
    if (backend === 'basic_text' || backend === 'unknown') return false;
  }
  return safeStorage.isAsyncEncryptionAvailable().catch(() => false);
}

/** What the shell does for the host: the system's dialogs, its browser, its encryption. */
export function lendTo(window: () => BrowserWindow | undefined): Lent {
  return {
    chooseFolder: async () => {
      const parent = window();
      const options = { properties: ['openDirectory', 'createDirectory'] as ('openDirectory' | 'createDirectory')[] };
      const { canceled, filePaths } = await (parent
        ? dialog.showOpenDialog(parent, options)
        : dialog.showOpenDialog(options));
      return canceled ? undefined : filePaths[0];
    },
    openExternal: async (url = '') => {
      if (!isOpenable(url)) throw new Error('Only https addresses and those of the control plane are opened.');
      await shell.openExternal(url);
    },
    encrypt: async (text = '') => (await safeStorage.encryptStringAsync(text)).toString('base64'),
    decrypt: async (sealed = '') => (await safeStorage.decryptStringAsync(Buffer.from(sealed, 'base64'))).result,
  };
}
