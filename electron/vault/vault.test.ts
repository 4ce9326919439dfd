import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Keychain, KeyWrapper } from './dataKey.ts';
import { openVault } from './openVault.ts';
import { vaultSecrets } from './vaultSecrets.ts';

const place = () => mkdtempSync(join(tmpdir(), 'sluice-vault-'));
const none = async () => undefined;

/** A keychain as the system has one, in this process. */
function keychainOf(): Keychain & { kept: string | undefined } {
  const keychain = {
    kept: undefined as string | undefined,
    read: async () => keychain.kept,
    write: async (secret: string) => {
      keychain.kept = secret;
    },
  };
  return keychain;
}

const kinds = [
  ['a file with a passphrase', { SLUICE_VAULT_PASSPHRASE: 'correct horse' }, none, 'file'],
  ['a file with a key beside it', { SLUICE_VAULT: 'file' }, none, 'file'],
] as const;

test.each(
  kinds,
)('%s gives a secret back to the next process, and shows none of it on the disk', async (_name, env, keychain, kind) => {
  const dataDir = place();
  const vault = await openVault({ env, dataDir, keychain });
  expect(vault.kind).toBe(kind);
  await vault.set('account', 'refreshToken', 'planted-secret-0815');
  const next = await openVault({ env, dataDir, keychain });
  expect(next.get('account', 'refreshToken')).toBe('planted-secret-0815');
  for (const name of readdirSync(join(dataDir, 'vault'))) {
    const file = join(dataDir, 'vault', name);
    expect(readFileSync(file, 'utf8')).not.toContain('planted-secret');
    expect(statSync(file).mode & 0o077).toBe(0);
  }
  await next.remove('account', 'refreshToken');
  expect(vault.get('account', 'refreshToken')).toBeUndefined();
});

test('with a keychain only the data key is in it, and the secrets are in the file', async () => {
  const dataDir = place();
  const keychain = keychainOf();
  const open = () => openVault({ env: {}, dataDir, keychain: async () => keychain });
  const vault = await open();
  await vault.set('a', 'b', 'planted-secret');
  expect(vault.kind).toBe('keychain');
  expect(Buffer.from(keychain.kept ?? '', 'base64')).toHaveLength(32);
  expect((await open()).get('a', 'b')).toBe('planted-secret');
});

test('what a shell lends comes before the keychain; when it refuses, the next best is taken', async () => {
  const dataDir = place();
  const wrapper: KeyWrapper = {
    encrypt: async (text) => Buffer.from(text).reverse().toString('base64'),
    decrypt: async (sealed) => Buffer.from(sealed, 'base64').reverse().toString(),
  };
  const keychain = keychainOf();
  const vault = await openVault({ env: {}, dataDir, wrapper, keychain: async () => keychain });
  await vault.set('a', 'b', 'mine');
  expect(keychain.kept).toBeUndefined();
  expect((await openVault({ env: {}, dataDir, wrapper, keychain: none })).get('a', 'b')).toBe('mine');

  const refusing: KeyWrapper = {
    encrypt: () => Promise.reject(new Error('locked')),
    decrypt: () => Promise.reject(new Error('locked')),
  };
  expect((await openVault({ env: {}, dataDir: place(), wrapper: refusing, keychain: none })).kind).toBe('memory');
});

test('a computer without a keychain keeps secrets in the process only, and writes nothing', async () => {
  const dataDir = place();
  const vault = await openVault({ env: {}, dataDir, keychain: none });
  await vault.set('a', 'b', 'mine');
  expect(vault.kind).toBe('memory');
  expect(vault.get('a', 'b')).toBe('mine');
  expect(readdirSync(dataDir)).toEqual([]);
  await expect(openVault({ env: { SLUICE_VAULT: 'keychain' }, dataDir, keychain: none })).rejects.toMatchObject({
    code: 'vault.locked',
  });
  await expect(openVault({ env: { SLUICE_VAULT: 'filé' }, dataDir, keychain: none })).rejects.toMatchObject({
    code: 'config.invalid',
  });
});

test('a secret that is moved to another name does not open there', async () => {
  const dataDir = place();
  const env = { SLUICE_VAULT: 'file' };
  const vault = await openVault({ env, dataDir });
  const project = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
  await vaultSecrets(vault).set(project, 'github', { connector: 'github', secret: { token: 't' }, hosts: [] });
  expect(vaultSecrets(vault).get(project, 'github')).toEqual({
    connector: 'github',
    secret: { token: 't' },
    hosts: [],
  });

  const file = join(dataDir, 'vault', 'secrets.json');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(`${project}/github`, `${project}/gitlab`));
  expect(vaultSecrets(vault).get(project, 'gitlab')).toBeUndefined();
  expect(vault.isUnreadable(`connection:${project}`, 'gitlab')).toBe(true);
  // What does not open is kept all the same, also when something else is written.
  await vault.set('account', 'x', 'y');
  writeFileSync(file, readFileSync(file, 'utf8').replace(`${project}/gitlab`, `${project}/github`));
  expect(vaultSecrets(vault).get(project, 'github')?.secret).toEqual({ token: 't' });
});

test('a lost key costs a new sign-in and deletes nothing: with the old key back, the old secrets open again', async () => {
  const dataDir = place();
  const [first, second] = [keychainOf(), keychainOf()];
  const open = (keychain: Keychain) => openVault({ env: {}, dataDir, keychain: async () => keychain });
  await (await open(first)).set('account', 'refreshToken', 'old');
  const other = await open(second);
  expect(other.get('account', 'refreshToken')).toBeUndefined();
  expect(other.isUnreadable('account', 'refreshToken')).toBe(true);
  await other.set('account', 'refreshToken', 'new');
  expect((await open(first)).get('account', 'refreshToken')).toBe('old');
  expect((await open(second)).get('account', 'refreshToken')).toBe('new');
});

test('a wrong passphrase and a broken file are refused with what to do, and left as they are', async () => {
  const dataDir = place();
  const vault = await openVault({ env: { SLUICE_VAULT_PASSPHRASE: 'right' }, dataDir });
  await vault.set('a', 'b', 'mine');
  await expect(openVault({ env: { SLUICE_VAULT_PASSPHRASE: 'wrong' }, dataDir })).rejects.toMatchObject({
    code: 'vault.locked',
  });
  const file = join(dataDir, 'vault', 'secrets.json');
  writeFileSync(file, 'not json');
  await expect(vault.set('a', 'c', 'x')).rejects.toMatchObject({ code: 'vault.locked' });
  expect(readFileSync(file, 'utf8')).toBe('not json');
});

test('two processes that write at once lose nothing', async () => {
  const dataDir = place();
  const env = { SLUICE_VAULT: 'file' };
  const [one, two] = [await openVault({ env, dataDir }), await openVault({ env, dataDir })];
  const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
  await Promise.all(names.map((name, index) => (index % 2 ? one : two).set('s', name, name)));
  expect(names.map((name) => one.get('s', name))).toEqual(names);
});
