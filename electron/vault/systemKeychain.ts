import type { Keychain } from './dataKey.ts';

/** Fixed for ever: another name would lose what is kept under this one. */
const SERVICE = 'app.sluice.desktop';
const ENTRY = 'data-key';

/**
 * The system's keychain, where its native part loads and answers. The package is optional: without it, or without a
 * keychain, there is none.
 */
export async function systemKeychain(): Promise<Keychain | undefined> {
  try {
    const { AsyncEntry } = await import('@napi-rs/keyring');
    const entry = new AsyncEntry(SERVICE, ENTRY);
    // Asking is the only way to know: on a computer without a screen the first use is what fails.
    await entry.getPassword();
    return {
      read: async () => (await entry.getPassword()) ?? undefined,
      write: (secret) => entry.setPassword(secret),
    };
  } catch {
    return undefined;
  }
}
