import { randomBytes } from 'node:crypto';
import { hashToken } from '../platform/tokens.ts';
import { API_KEY } from '../server/authenticate.ts';

/** `slk_`, eight letters that people know it by, its workspace, and 256 random bits. */
const KEY = /^(slk_[a-z2-7]{8})_([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})$/;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

export type NewKey = { secret: string; prefix: string; keyHash: string };

/** The workspace stands in the key, because a key is looked up inside its workspace only. */
export function newKey(workspaceId: string): NewKey {
  const name = [...randomBytes(8)].map((byte) => LETTERS.charAt(byte % LETTERS.length)).join('');
  const prefix = `${API_KEY}${name}`;
  const place = Buffer.from(workspaceId.replaceAll('-', ''), 'hex').toString('base64url');
  const secret = `${prefix}_${place}${randomBytes(32).toString('base64url')}`;
  return { secret, prefix, keyHash: hashToken(secret) };
}

/** Where to look for a key. @returns undefined for what is no key */
export function readKey(secret: string): { workspaceId: string; keyHash: string } | undefined {
  const [, , place] = KEY.exec(secret) ?? [];
  if (place === undefined) return undefined;
  const hex = Buffer.from(place, 'base64url').toString('hex');
  const workspaceId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { workspaceId, keyHash: hashToken(secret) };
}
