import { SluiceError } from '#shared/error.ts';
import type { EventOf } from '#shared/run/events.ts';
import type { Actor } from '../server/actor.ts';

/** Who decides: what is known of a signed-in member. */
export type Approver = Pick<Actor, 'email' | 'emailVerified' | 'role'>;

/**
 * Refuses a decision by a member whom the approval does not ask. Asked are those whose proven e-mail address or whose role
 * stands in its list, and nobody beside them, whatever their role may do; where there is no list, every member who may
 * decide at all.
 *
 * @throws SluiceError access.denied with `details.assignees`
 */
export function checkApprover({ reason, details }: EventOf<'run.waiting'>, approver: Approver | undefined): void {
  const assignees = Array.isArray(details?.assignees) ? details.assignees.map(String) : [];
  if (reason !== 'approval' || assignees.length === 0) return;
  const asked = assignees.map((one) => one.trim().toLowerCase());
  if (approver && asked.includes(approver.role)) return;
  if (approver?.emailVerified && asked.includes(approver.email.toLowerCase())) return;
  throw new SluiceError('access.denied', `This approval asks ${assignees.join(', ')}, and you are none of them.`, {
    advice: 'Let one of them decide, or change who is asked in the step and run it again.',
    details: { assignees },
  });
}
