import { noticeSignIn } from '../notifications/notices.ts';
import type { Tx } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import { networkOf } from '../platform/network.ts';
import type { Caller } from '../server/actor.ts';
import { strangeSignInLetter } from './letters.ts';

const KNOWN_MS = 90 * 86_400_000;

/**
 * Writes to a person who signed in from an address and on a device that were never seen with this account. A device is new
 * each time it signs in, a browser where it names itself as none did before. Nothing is refused: it may well be them.
 *
 * Called before the new session is stored.
 */
export async function tellOfStrangeSignIn(
  tx: Tx,
  { mail, publicUrl }: { mail: Mail; publicUrl: string },
  { userId, kind, device }: { userId: string; kind: 'device' | 'browser'; device: string },
  { ip, userAgent }: Caller,
  now: Date,
): Promise<void> {
  const since = { gt: new Date(now.getTime() - KNOWN_MS) };
  const seen = await tx.session.findMany({
    where: { userId, createdAt: since },
    select: { ip: true, userAgent: true, kind: true },
    distinct: ['ip', 'userAgent', 'kind'],
    take: 1_000,
  });
  // The first sign-in of all is no news.
  if (seen.length === 0 || seen.some((session) => session.ip !== null && networkOf(session.ip) === networkOf(ip)))
    return;
  if (kind === 'browser' && seen.some((session) => session.kind === kind && session.userAgent === userAgent)) return;
  const { email: to, name } = await tx.user.findUniqueOrThrow({ where: { id: userId } });
  const url = `${publicUrl}/sessions`;
  await mail.post(tx, strangeSignInLetter({ to, name, device, ip, at: now, url }));
  await noticeSignIn(tx, userId, { device, ip });
}
