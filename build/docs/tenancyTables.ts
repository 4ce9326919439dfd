import { NOTICE_KINDS } from '#shared/contract/cloud/notifications.ts';
import { PERMISSIONS, permissionsOf, ROLES } from '#shared/permission.ts';
import { PLAN_SLUGS, PLANS } from '#shared/plan.ts';
import { DATA_MAP, type MapRow } from '../../cloud/privacy/dataMap.ts';

/** What each role may do, one permission a line. */
export function rolesTable(): string {
  const rows = PERMISSIONS.map((permission) => {
    const cells = ROLES.map((role) => (permissionsOf(role).has(permission) ? 'yes' : ''));
    return `| \`${permission}\` | ${cells.join(' | ')} |`;
  });
  return [`| Permission | ${ROLES.join(' | ')} |`, `| --- |${' :-: |'.repeat(ROLES.length)}`, ...rows].join('\n');
}

/** How many members each plan has room for, and how many days of the log it shows. */
export function seatsTable(): string {
  const rows = PLAN_SLUGS.map((slug) => {
    const { name, members, auditDays } = PLANS[slug];
    return `| ${name} | ${Number.isFinite(members) ? members : 'no limit'} | ${auditDays} |`;
  });
  return ['| Plan | Members | Days of the audit log |', '| --- | --- | --- |', ...rows].join('\n');
}

/** What people are told of, and how unless they choose otherwise. */
export function noticesTable(): string {
  const word = (usual: boolean | 'always') => (usual === 'always' ? 'always' : usual ? 'yes' : '');
  const rows = Object.entries(NOTICE_KINDS).map(
    ([kind, { title, app, email }]) => `| \`${kind}\` | ${title} | ${word(app)} | ${word(email)} |`,
  );
  return ['| Kind | Told when | In the app | By e-mail |', '| --- | --- | :-: | :-: |', ...rows].join('\n');
}

/** The data map for people: what is kept, for how long, and what becomes of it. */
export function dataTable(of: MapRow['of']): string {
  const rows = DATA_MAP.filter((row) => row.of === of).map((row) => {
    const { table, holds, kept, personal = [] } = row;
    const names = personal.map((column) => `\`${column}\``).join(', ');
    return `| \`${table}\` | ${holds} | ${names} | ${kept} | ${exportOf(row)} | ${erasureOf(row)} |`;
  });
  const head = '| Table | Holds | Names a person in | Kept | Exported | When the person is erased |';
  return [head, '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n');
}

function exportOf({ of, about, inner, secret = [] }: MapRow): string {
  if (inner) return 'no: of use to programs only';
  const places = [...(of === 'workspace' ? ['workspace'] : []), ...(about === undefined ? [] : ['person'])];
  return `${places.join(', ')}${secret.length > 0 ? ', without secrets' : ''}`;
}

function erasureOf({ erase, about, of }: MapRow): string {
  if (erase && 'delete' in erase) return 'deleted';
  if (erase && 'update' in erase) return 'the name is taken out';
  if (erase?.by === 'account') return 'emptied';
  if (erase) return 'the person is taken out';
  return about === undefined ? (of === 'platform' ? 'nothing to do' : 'stays') : 'stays, without a name';
}
