import { randomBytes, scryptSync } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { withFileLock } from './fileLock.ts';
import { writePrivateFile } from './privateFile.ts';
import { KEY_BYTES, seal, unseal } from './seal.ts';

/** A shell with Electron's safeStorage lends this. Both throw where the system refuses. */
export type KeyWrapper = {
  encrypt(text: string): Promise<string>;
  decrypt(sealed: string): Promise<string>;
};

/** A system's keychain, as much as we need of it. */
export type Keychain = { read(): Promise<string | undefined>; write(secret: string): Promise<void> };

const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1_048_576 };

/** The data key of a keychain, made at the first time. */
export async function keychainKey(keychain: Keychain): Promise<Uint8Array> {
  const kept = decodeKey(await keychain.read());
  if (kept) return kept;
  const key = randomBytes(KEY_BYTES);
  await keychain.write(key.toString('base64'));
  return key;
}

/** The data key in a file that the system's own encryption sealed. One that does not open any more is kept beside the new one. */
export async function wrappedKey(file: string, wrapper: KeyWrapper): Promise<Uint8Array> {
  return withFileLock(`${file}.lock`, async () => {
    const sealed = await readIfThere(file);
    if (sealed !== undefined) {
      const kept = decodeKey(await wrapper.decrypt(sealed).catch(() => undefined));
      if (kept) return kept;
      await writePrivateFile(`${file}.${Date.now()}.old`, sealed);
    }
    const key = randomBytes(KEY_BYTES);
    await writePrivateFile(file, await wrapper.encrypt(key.toString('base64')));
    return key;
  });
}

const PassphraseFile = z.strictObject({ format: z.literal(1), salt: z.string(), sealed: z.string() });

/**
 * The data key in a file that only a passphrase opens.
 *
 * @throws SluiceError vault.locked where the passphrase is another one
 */
export async function passphraseKey(file: string, passphrase: string): Promise<Uint8Array> {
  return withFileLock(`${file}.lock`, async () => {
    const text = await readIfThere(file);
    if (text !== undefined) {
      const { salt, sealed } = PassphraseFile.parse(JSON.parse(text));
      const kept = decodeKey(unseal(derive(passphrase, Buffer.from(salt, 'base64')), 'data key', sealed));
      if (kept) return kept;
      throw new SluiceError('vault.locked', 'This passphrase does not open the vault.', {
        advice: `Set SLUICE_VAULT_PASSPHRASE to the one it was made with, or move ${file} away and sign in again.`,
      });
    }
    const key = randomBytes(KEY_BYTES);
    const salt = randomBytes(16);
    const sealed = seal(derive(passphrase, salt), 'data key', key.toString('base64'));
    await writePrivateFile(file, JSON.stringify({ format: 1, salt: salt.toString('base64'), sealed }));
    return key;
  });
}

/** The data key in a file of its own, which only its owner may read: for servers, where somebody chose it. */
export async function plainKey(file: string): Promise<Uint8Array> {
  return withFileLock(`${file}.lock`, async () => {
    const text = await readIfThere(file);
    const kept = decodeKey(text);
    if (kept) return kept;
    if (text !== undefined) {
      throw new SluiceError('vault.locked', `${file} holds no key.`, {
        advice: 'Put back a copy of it, or move it away and sign in again.',
      });
    }
    const key = randomBytes(KEY_BYTES);
    await writePrivateFile(file, key.toString('base64'));
    return key;
  });
}

const derive = (passphrase: string, salt: Uint8Array) =>
  scryptSync(passphrase.normalize('NFC'), salt, KEY_BYTES, SCRYPT);

function decodeKey(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const key = Buffer.from(text.trim(), 'base64');
  return key.length === KEY_BYTES ? key : undefined;
}

async function readIfThere(file: string): Promise<string | undefined> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  return readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined;
    throw new SluiceError('vault.locked', `${file} cannot be read (${thrown.code}).`, {
      advice: 'Change its permissions so that you may read it.',
    });
  });
}
