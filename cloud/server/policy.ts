import { SluiceError } from '#shared/error.ts';
import type { Permission } from '#shared/permission.ts';
import type { Actor } from './actor.ts';

export type Decision = { allowed: true } | { allowed: false; error: SluiceError };

export const allow: Decision = { allowed: true };

/** @param message why not, and @param advice what to do about it, both for the person */
export function deny(message: string, advice?: string): Decision {
  return { allowed: false, error: new SluiceError('access.denied', message, { advice }) };
}

/** @throws the decision's SluiceError */
export function ensure(decision: Decision): void {
  if (!decision.allowed) throw decision.error;
}

export function mustHave(actor: Actor, permission: Permission): Decision {
  if (actor.permissions.has(permission)) return allow;
  return deny(
    `As ${actor.role} you may not do this: it needs ${permission}.`,
    'Ask an owner or admin of the workspace.',
  );
}

/** Publishing, inviting and paying need an address that somebody reads (domain.md 3). */
export function mustBeVerified(actor: { emailVerified: boolean }): Decision {
  if (actor.emailVerified) return allow;
  const advice = 'Open the link in the mail we sent you when you signed up.';
  return {
    allowed: false,
    error: new SluiceError('mail.not_verified', 'Your e-mail address is not confirmed yet.', { advice }),
  };
}
