import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { withFileLock } from './fileLock.ts';
import { writePrivateFile } from './privateFile.ts';
import { keyIdOf, seal, unseal } from './seal.ts';
import type { SecretStore, VaultKind } from './secretStore.ts';

/** By key id, then by `<scope>/<name>`. What another key sealed is never touched. */
const VaultFile = z.strictObject({
  format: z.literal(1),
  entries: z.record(z.string(), z.record(z.string(), z.string())),
});
type VaultFile = z.infer<typeof VaultFile>;

/**
 * One file of sealed secrets, replaced as a whole. Read again each time, because the desktop and the command line share it.
 *
 * @param key the data key, 32 bytes; where it comes from makes the `kind`
 */
export function fileStore({ file, key, kind }: { file: string; key: Uint8Array; kind: VaultKind }): SecretStore {
  const keyId = keyIdOf(key);
  const placeOf = (scope: string, name: string) => `${scope}/${name}`;

  const change = (edit: (own: Record<string, string>) => void) => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return withFileLock(`${file}.lock`, async () => {
      const now = read(file);
      const own = { ...now.entries[keyId] };
      edit(own);
      await writePrivateFile(file, JSON.stringify({ format: 1, entries: { ...now.entries, [keyId]: own } }));
    });
  };

  return {
    kind,
    get: (scope, name) => {
      const place = placeOf(scope, name);
      const sealed = read(file).entries[keyId]?.[place];
      return sealed === undefined ? undefined : unseal(key, place, sealed);
    },
    set: (scope, name, secret) =>
      change((own) => {
        const place = placeOf(scope, name);
        own[place] = seal(key, place, secret);
      }),
    remove: (scope, name) =>
      change((own) => {
        delete own[placeOf(scope, name)];
      }),
    isUnreadable: (scope, name) => {
      const place = placeOf(scope, name);
      const { entries } = read(file);
      const own = entries[keyId]?.[place];
      if (own !== undefined) return unseal(key, place, own) === undefined;
      return Object.values(entries).some((others) => others[place] !== undefined);
    },
  };
}

/** @throws SluiceError vault.locked where the file is not one of ours; it is left as it is */
function read(file: string): VaultFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { format: 1, entries: {} };
    throw unreadable(file, thrown);
  }
  try {
    return VaultFile.parse(JSON.parse(text));
  } catch (thrown) {
    throw unreadable(file, thrown);
  }
}

function unreadable(file: string, cause: unknown): SluiceError {
  return new SluiceError('vault.locked', `The vault ${file} cannot be read.`, {
    advice: 'Nothing in it was changed. Put back a copy of it, or move it away and sign in again.',
    cause,
  });
}
