import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import type { Secret } from '#shared/log.ts';
import type { Tx } from './database.ts';

/** Where a sealed value stands. Moved anywhere else, it does not open. */
export type SealedPlace = { workspaceId: string; table: string; row: string; column: string };

export type Sealed = { ciphertext: Uint8Array<ArrayBuffer>; keyVersion: number };

/** The key-encryption key. Everything else is made from it; it never leaves this file's functions. */
export type MasterKey = {
  /** A password or key for one purpose, always the same for the same name. */
  derive(purpose: string): string;
  wrap(key: Uint8Array, aad: string): Uint8Array<ArrayBuffer>;
  unwrap(wrapped: Uint8Array, aad: string): Buffer;
};

export type Secrets = {
  /** Makes the workspace's first data key, in the transaction that makes the workspace. */
  createKey(tx: Tx, workspaceId: string): Promise<void>;
  /** Adds a data key; what is sealed from now on uses it, and what was sealed before still opens. */
  rotateKey(tx: Tx, workspaceId: string): Promise<number>;
  seal(tx: Tx, place: SealedPlace, plain: string | Uint8Array): Promise<Sealed>;
  /** @throws SluiceError store.failed where the key is gone or the value was altered or moved */
  open(tx: Tx, place: SealedPlace, sealed: Sealed): Promise<Buffer>;
};

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** From the setting, else from `<data>/keys/master.key`, which is made at the first start. Without it nothing sealed opens again. */
export function loadMasterKey(dataDir: string, setting?: Secret<string>): MasterKey {
  return createMasterKey(
    setting ? parseKey(setting.reveal(), 'SLUICE_MASTER_KEY') : keyFromFile(join(dataDir, 'keys')),
  );
}

export function createMasterKey(key: Buffer): MasterKey {
  const wrapping = Buffer.from(hkdfSync('sha256', key, '', 'sluice data keys', 32));
  return {
    derive: (purpose) => createHmac('sha256', key).update(purpose).digest('hex'),
    wrap: (plain, aad) => encrypt(wrapping, plain, aad),
    unwrap: (wrapped, aad) => decrypt(wrapping, wrapped, aad),
  };
}

/** Envelope encryption: one data key per workspace and version, AES-256-GCM, bound to its place. */
export function createSecrets(master: MasterKey): Secrets {
  const keyAad = (workspaceId: string, version: number) => `${workspaceId}/workspace_key/${version}`;

  async function dataKey(tx: Tx, workspaceId: string, version?: number): Promise<{ version: number; key: Buffer }> {
    const row = await tx.workspaceKey.findFirst({
      where: { workspaceId, ...(version === undefined ? {} : { version }) },
      orderBy: { version: 'desc' },
    });
    if (!row) throw new SluiceError('store.failed', 'The key of this workspace is gone.');
    return { version: row.version, key: master.unwrap(row.wrapped, keyAad(workspaceId, row.version)) };
  }

  async function addKey(tx: Tx, workspaceId: string, version: number): Promise<void> {
    const wrapped = master.wrap(randomBytes(32), keyAad(workspaceId, version));
    await tx.workspaceKey.create({ data: { workspaceId, version, wrapped } });
  }

  return {
    createKey: (tx, workspaceId) => addKey(tx, workspaceId, 1),

    async rotateKey(tx, workspaceId) {
      const { version } = await dataKey(tx, workspaceId);
      await addKey(tx, workspaceId, version + 1);
      return version + 1;
    },

    async seal(tx, place, plain) {
      const { version, key } = await dataKey(tx, place.workspaceId);
      return { ciphertext: encrypt(key, Buffer.from(plain), placeAad(place, version)), keyVersion: version };
    },

    async open(tx, place, { ciphertext, keyVersion }) {
      const { key } = await dataKey(tx, place.workspaceId, keyVersion);
      return decrypt(key, ciphertext, placeAad(place, keyVersion));
    },
  };
}

function placeAad({ workspaceId, table, row, column }: SealedPlace, version: number): string {
  return JSON.stringify([workspaceId, table, row, column, version]);
}

function encrypt(key: Buffer, plain: Uint8Array, aad: string): Uint8Array<ArrayBuffer> {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad));
  return new Uint8Array(Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
}

function decrypt(key: Buffer, sealed: Uint8Array, aad: string): Buffer {
  const bytes = Buffer.from(sealed);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(aad)).setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new SluiceError(
      'store.failed',
      'A sealed value does not open: the master key is another one, or the value was altered.',
      {
        advice: 'Put the master key back that this data was sealed with.',
        cause,
      },
    );
  }
}

function parseKey(text: string, where: string): Buffer {
  const key = /^[0-9a-f]{64}$/i.test(text.trim())
    ? Buffer.from(text.trim(), 'hex')
    : Buffer.from(text.trim(), 'base64');
  if (key.length === 32) return key;
  throw new SluiceError('config.invalid', `${where} is not a key: it must be 32 bytes as 64 hex digits or base64.`, {
    advice: 'Make one with `openssl rand -hex 32`, and keep it as safe as the data.',
  });
}

function keyFromFile(folder: string): Buffer {
  const file = join(folder, 'master.key');
  if (!existsSync(file)) {
    try {
      mkdirSync(dirname(folder), { recursive: true });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code;
      throw new SluiceError('config.invalid', `The folder ${folder} for the keys cannot be made (${why}).`, {
        advice: 'Set SLUICE_DATA to a folder that this user may write.',
        cause,
      });
    }
    try {
      // Two processes at their first start: one makes the file, the other reads it.
      writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
  }
  return parseKey(readFileSync(file, 'utf8'), file);
}
