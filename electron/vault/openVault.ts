import { join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import { type Keychain, type KeyWrapper, keychainKey, passphraseKey, plainKey, wrappedKey } from './dataKey.ts';
import { fileStore } from './fileStore.ts';
import { memoryStore, type SecretStore } from './secretStore.ts';
import { systemKeychain } from './systemKeychain.ts';

export type VaultDeps = {
  /** `SLUICE_VAULT`: keychain, file or memory; absent: the best there is. `SLUICE_VAULT_PASSPHRASE`: seals the file's key. */
  env: Record<string, string | undefined>;
  dataDir: string;
  /** Electron's safeStorage, where a shell lends it. */
  wrapper?: KeyWrapper;
  /** The system's keychain; undefined where there is none. By default asked of the system. */
  keychain?: () => Promise<Keychain | undefined>;
};

/**
 * Opens the vault of this computer: what the shell lends, else the system's keychain, else a file where its owner chose one,
 * else this process only. Never plain text that nobody asked for.
 *
 * @throws SluiceError config.invalid, vault.locked
 */
export async function openVault({ env, dataDir, wrapper, keychain = systemKeychain }: VaultDeps): Promise<SecretStore> {
  const dir = join(dataDir, 'vault');
  const file = join(dir, 'secrets.json');
  const passphrase = env.SLUICE_VAULT_PASSPHRASE;
  const wanted = env.SLUICE_VAULT ?? (passphrase ? 'file' : 'auto');

  switch (wanted) {
    case 'memory':
      return memoryStore();
    case 'file': {
      const key = passphrase
        ? await passphraseKey(join(dir, 'key.passphrase'), passphrase)
        : await plainKey(join(dir, 'key'));
      return fileStore({ file, key, kind: 'file' });
    }
    case 'auto':
    case 'keychain': {
      const key = await bestKey(dir, wrapper, keychain);
      if (key) return fileStore({ file, key, kind: 'keychain' });
      if (wanted === 'auto') return memoryStore();
      throw new SluiceError('vault.locked', 'This computer has no keychain that answers.', {
        advice: 'Unlock it, or set SLUICE_VAULT=file with SLUICE_VAULT_PASSPHRASE.',
      });
    }
    default:
      throw new SluiceError('config.invalid', `SLUICE_VAULT is "${wanted}".`, {
        advice: 'Set it to keychain, file or memory, or leave it out.',
      });
  }
}

/** A keychain may be there and locked, or ask and be refused: then it counts as absent. */
async function bestKey(
  dir: string,
  wrapper: KeyWrapper | undefined,
  keychain: () => Promise<Keychain | undefined>,
): Promise<Uint8Array | undefined> {
  if (wrapper) {
    const key = await wrappedKey(join(dir, 'key.sealed'), wrapper).catch(() => undefined);
    if (key) return key;
  }
  try {
    const found = await keychain();
    return found && (await keychainKey(found));
  } catch {
    return undefined;
  }
}
