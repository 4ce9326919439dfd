import { KEY_SCOPES } from '#shared/contract/cloud/apiKeys.ts';
import { SluiceError } from '#shared/error.ts';
import type { Permission } from '#shared/permission.ts';
import type { Plan } from '#shared/plan.ts';
import type { Actor } from '../server/actor.ts';
import { allow, type Decision, deny } from '../server/policy.ts';

/** A key could outlive the one that made it, so people alone make keys. */
export function canIssueKeys(actor: Pick<Actor, 'apiKey'>): Decision {
  if (!actor.apiKey) return allow;
  return deny('An API key may not make or rotate keys.', 'Sign in and do it yourself.');
}

/** Nobody gives a program more than they may do themselves, and some things are never given to one. */
export function canGiveScopes(actor: Pick<Actor, 'permissions' | 'role'>, scopes: readonly Permission[]): Decision {
  const never = scopes.find((scope) => !KEY_SCOPES.includes(scope));
  if (never) return deny(`No API key may be allowed ${never}.`, 'Leave it out; a person does that.');
  const lacking = scopes.find((scope) => !actor.permissions.has(scope));
  if (lacking === undefined) return allow;
  return deny(
    `As ${actor.role} you may not allow a key ${lacking}, because you may not do it yourself.`,
    'Leave it out, or ask an owner or admin of the workspace.',
  );
}

/** What a key may do now: its scopes, as far as the person who answers for it still may. */
export function scopesNow(scopes: readonly string[], person: ReadonlySet<Permission>): ReadonlySet<Permission> {
  return new Set(KEY_SCOPES.filter((scope) => scopes.includes(scope) && person.has(scope)));
}

/** @throws SluiceError plan.limit_exceeded (402) with limit and have */
export function ensureRoomForKey(plan: Plan, have: number): void {
  if (have < plan.apiKeys) return;
  const room = plan.apiKeys === 1 ? 'one API key' : `${plan.apiKeys} API keys`;
  throw new SluiceError('plan.limit_exceeded', `The ${plan.name} plan has room for ${room}.`, {
    details: { limit: plan.apiKeys, have },
    advice: 'Revoke one that is no longer used, or change the plan.',
  });
}
