import { PLANS, type Plan } from '#shared/plan.ts';
import type { Tx } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import type { Caller } from '../server/actor.ts';
import { recordAccountEvent } from './accountStore.ts';
import { signedOutLetter } from './letters.ts';
import { listLive, revokeFamily } from './sessionStore.ts';

/**
 * Ends the oldest sign-ins of a person beyond what their best plan allows at once, and tells them. Devices and browsers are
 * counted apart: whoever connects a desktop by the browser has one of each, and means one.
 *
 * Called with the person's sign-ins locked, so that two at once do not both find room.
 *
 * @param family the new one, which stays
 */
export async function endOldestBeyondPlan(
  tx: Tx,
  { mail, publicUrl }: { mail: Mail; publicUrl: string },
  { userId, family, kind }: { userId: string; family: string; kind: 'device' | 'browser' },
  { ip, userAgent }: Caller,
  now: Date,
): Promise<void> {
  const plan = await bestPlanOf(tx, userId);
  const live = (await listLive(tx, userId, now)).filter((session) => session.kind === kind);
  if (live.length <= plan.sessionsAtOnce) return;
  const ended = live.filter((session) => session.family !== family).slice(plan.sessionsAtOnce - 1);
  for (const session of ended) {
    await revokeFamily(tx, session.family, now);
    const metadata = { session: session.family, reason: 'plan', plan: plan.slug };
    await recordAccountEvent(tx, userId, { action: 'session.revoke', metadata, ip, userAgent }, now);
  }
  const user = await tx.user.findUniqueOrThrow({ where: { id: userId } });
  const names = ended.map(({ device }) => device?.name ?? 'a browser');
  const url = `${publicUrl}/sessions`;
  await mail.post(tx, signedOutLetter({ to: user.email, name: user.name, names, plan, url }));
}

async function bestPlanOf(tx: Tx, userId: string): Promise<Plan> {
  const memberships = await tx.membership.findMany({
    where: { userId, deletedAt: null, workspace: { deletedAt: null } },
    select: { workspace: { select: { plan: true } } },
  });
  const plans = memberships.map(({ workspace }) => PLANS[workspace.plan]);
  return plans.reduce((best, plan) => (plan.sessionsAtOnce > best.sessionsAtOnce ? plan : best), PLANS.free);
}
