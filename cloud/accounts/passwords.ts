import { hash, verify } from '@node-rs/argon2';
import { SluiceError } from '#shared/error.ts';
import { COMMON_PASSWORDS } from './commonPasswords.ts';

/** Of argon2id, the library's default kind: 64 MiB, three passes. */
const COST = { memoryCost: 65_536, timeCost: 3, parallelism: 1 };

let decoy: Promise<string> | undefined;

/** @throws SluiceError request.invalid where the password is one that everybody tries first */
export function requireUncommon(password: string, email: string): void {
  const plain = password.toLowerCase();
  if (!COMMON_PASSWORDS.has(plain) && plain !== email && plain !== email.split('@')[0] && new Set(plain).size > 2)
    return;
  throw new SluiceError('request.invalid', 'This password is one of the first that somebody would try.', {
    advice: 'Choose another one: four random words do well.',
    details: { issues: [{ path: 'password', message: 'is too common' }] },
  });
}

/** Keyboards put together what looks the same in more than one way: each is the same password. */
const asTyped = (password: string) => password.normalize('NFKC');

export function hashPassword(password: string): Promise<string> {
  return hash(asTyped(password), COST);
}

/** The same work whether or not there is such a user, so that time tells nothing. */
export async function passwordMatches(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  decoy ??= hashPassword('nobody has this password');
  const matches = await verify(passwordHash ?? (await decoy), asTyped(password));
  return matches && typeof passwordHash === 'string';
}
