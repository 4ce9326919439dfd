import type { PermissionChanges } from '#shared/contract/cloud/members.ts';
import { SluiceError } from '#shared/error.ts';
import { PERMISSIONS, type Permission, permissionsOf, type Role } from '#shared/permission.ts';
import { PLANS, type PlanSlug } from '#shared/plan.ts';
import { memberPermissions } from '../accounts/identities.ts';
import type { Actor } from '../server/actor.ts';
import { allow, type Decision, deny } from '../server/policy.ts';

/** What addresses of ours and of the outside world mean already. */
const RESERVED = new Set(
  `about account accounts admin administrator agent api app apps assets auth authorize billing blog cdn cloud console current
   dashboard deleted demo dev docs download downloads email enterprise feed forgot ftp health help home hooks host hosting
   imap internal invitation invitations invite jobs legal livez localhost login logout mail main marketplace me members metrics
   new news notifications null oauth official ops organization organizations owner pop press pricing privacy public readyz
   register reset root sales security settings sign-in sign-out sign-up signed-in sluice smtp sso staging static status stripe
   support system team teams terms test undefined user users verify webhook webhooks workspace workspaces www`.split(
    /\s+/,
  ),
);

/** @throws SluiceError request.invalid for a slug that nobody may have */
export function checkSlug(slug: string): void {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-/.test(slug);
  if (slug.length >= 3 && !slug.endsWith('-') && !slug.includes('--') && !uuid && !RESERVED.has(slug)) return;
  throw new SluiceError('request.invalid', `${slug} cannot be the name of a workspace in addresses.`, {
    advice: 'Choose one of at least three letters, digits and single hyphens that does not stand for something else.',
  });
}

/** @throws SluiceError request.invalid for a time zone that this computer does not know */
export function checkTimeZone(timezone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    throw new SluiceError('request.invalid', `${timezone} is not a time zone.`, {
      advice: 'Write one as the tz database does: Europe/Zurich.',
    });
  }
}

type Rights = { role: Role; permissions: PermissionChanges };

/** An admin cannot change or remove an owner, and nobody changes somebody who may do more than they. */
export function canChangeMember(actor: Actor, member: Rights): Decision {
  if (member.role === 'owner' && actor.role !== 'owner') {
    return deny('Only an owner may change or remove an owner.', 'Ask an owner of the workspace.');
  }
  const more = missing(actor, memberPermissions(member.role, member.permissions));
  return more.length === 0 ? allow : deny(`This member may do more than you: ${more.join(', ')}.`);
}

/** Nobody gives what they do not have. @param how what the person would be: "become an admin" */
export function canGiveRole(actor: Actor, role: Role): Decision {
  const more = missing(actor, permissionsOf(role));
  return more.length === 0 ? allow : deny(`You may not make somebody ${role}: you lack ${more.join(', ')} yourself.`);
}

/** Single permissions are for members below admin, and never reach above an admin's. */
export function canGivePermissions(actor: Actor, { role, permissions }: Rights): Decision {
  const { add, remove } = permissions;
  if (add.length === 0 && remove.length === 0) return allow;
  if (role === 'owner' || role === 'admin') {
    return deny(
      `An ${role} has the permissions of the role, no more and no fewer.`,
      'Make them an editor or viewer first.',
    );
  }
  const above = add.filter((permission) => !permissionsOf('admin').has(permission));
  if (above.length > 0) return deny(`${above.join(', ')} is the owners’ alone and cannot be given.`);
  const more = missing(actor, new Set(add));
  return more.length === 0 ? allow : deny(`You may not give what you do not have: ${more.join(', ')}.`);
}

/** @throws SluiceError plan.limit_exceeded (402). @param have members, and invitations that wait where `one more` is asked for */
export function ensureSeat(slug: PlanSlug, have: number): void {
  const { members, name } = PLANS[slug];
  if (have < members) return;
  throw new SluiceError(
    'plan.limit_exceeded',
    `The ${name} plan has room for ${members} ${members === 1 ? 'member' : 'members'}, and all of it is taken.`,
    {
      details: { limit: members, have },
      advice: 'Remove a member, take an invitation back, or choose a larger plan.',
    },
  );
}

/** @param expected absent: whatever stands there is changed. @throws SluiceError request.changed (412) */
export function ensureRevision({ revision }: { revision: number }, expected: number | undefined): void {
  if (expected === undefined || expected === revision) return;
  throw new SluiceError('request.changed', 'Somebody else changed what this member may do since you last saw it.', {
    details: { revision, expectedRevision: expected },
    advice: 'Look at it again, then change it again if it should be so.',
  });
}

/** @throws SluiceError access.denied; a workspace without an owner could never be changed again */
export function ensureOwnerLeft(role: Role, owners: number): void {
  if (role !== 'owner' || owners > 1) return;
  throw new SluiceError('member.last_owner', 'A workspace needs an owner, and this is its last one.', {
    advice: 'Transfer the workspace to another member first, or delete it.',
  });
}

function missing(actor: Actor, permissions: ReadonlySet<Permission>): Permission[] {
  return PERMISSIONS.filter((permission) => permissions.has(permission) && !actor.permissions.has(permission));
}
