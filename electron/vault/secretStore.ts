/** Where secrets of this computer are kept: in the system's keychain, in a protected file, or in this process only. */
export type VaultKind = 'keychain' | 'file' | 'memory';

/**
 * Secrets by scope and name. Reading is at once, since whoever needs a secret is in the middle of something; a change is
 * durable when its promise resolves.
 */
export type SecretStore = {
  kind: VaultKind;
  /** Absent also where what is kept cannot be decrypted here; it stays where it is. */
  get(scope: string, name: string): string | undefined;
  set(scope: string, name: string, secret: string): Promise<void>;
  remove(scope: string, name: string): Promise<void>;
  /** Whether something is kept under this name that this key does not open: the person signs in, or types it, again. */
  isUnreadable(scope: string, name: string): boolean;
};

/** Kept as long as this process lives: what a computer without a keychain gets, unless its owner chooses otherwise. */
export function memoryStore(): SecretStore {
  const kept = new Map<string, string>();
  const keyOf = (scope: string, name: string) => `${scope}/${name}`;
  return {
    kind: 'memory',
    get: (scope, name) => kept.get(keyOf(scope, name)),
    set: async (scope, name, secret) => {
      kept.set(keyOf(scope, name), secret);
    },
    remove: async (scope, name) => {
      kept.delete(keyOf(scope, name));
    },
    isUnreadable: () => false,
  };
}
