import type { Tx } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import type { Caller } from '../server/actor.ts';
import { recordAccountEvent } from './accountStore.ts';
import { copiedSignInLetter } from './letters.ts';
import { deviceNameOf, revokeFamily } from './sessionStore.ts';

/** What was used a second time: a refresh token, or the code that a desktop trades for its first one. */
export type Copied = { userId: string; family: string | null; what: 'refresh' | 'code' };

/**
 * Ends a sign-in whose secret was used twice, for whoever holds it, writes that down and tells the person by a letter: they
 * are signed out on a device and should know why. Once for each sign-in, since what is ended is not ended again.
 */
export async function endCopiedSignIn(
  tx: Tx,
  { mail, publicUrl }: { mail: Mail; publicUrl: string },
  { userId, family, what }: Copied,
  { ip, userAgent }: Caller,
  now: Date,
): Promise<void> {
  const isNews = family !== null && (await revokeFamily(tx, family, now));
  const record = { action: `auth.${what}_reuse`, outcome: 'denied' as const, ip, userAgent };
  await recordAccountEvent(tx, userId, record, now);
  if (!isNews) return;
  const { email: to, name } = await tx.user.findUniqueOrThrow({ where: { id: userId } });
  const device = (await deviceNameOf(tx, family)) ?? 'a device';
  const about = { to, name, device, ip, at: now, url: `${publicUrl}/sessions` };
  await mail.post(tx, copiedSignInLetter(about));
}
