import { NOTICE_KINDS, type NoticeChannel, type NoticeKind } from '#shared/contract/cloud/notifications.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Permission } from '#shared/permission.ts';
import { memberPermissions } from '../accounts/identities.ts';
import { publishIn } from '../platform/channel.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { asSql, type Sql, type Tx } from '../platform/database.ts';
import { letterOf, oneLine } from '../platform/letter.ts';
import type { Mail } from '../platform/mail.ts';
import { keepNotification, listRecipients, type Recipient } from './notificationStore.ts';

/**
 * Tells people what happened, in the transaction in which it happens: each in the app and by e-mail as they chose. What
 * happens again and again is told once an hour, and counted.
 */
export type Notices = {
  runFailed(sql: Sql, run: { workspaceId: string; runId: string; reason: string }): Promise<void>;
  approvalRequested(
    sql: Sql,
    wait: { workspaceId: string; runId: string; stepId: string; iteration?: number; details?: JsonObject },
  ): Promise<void>;
  allowanceWarning(
    sql: Sql,
    use: { workspaceId: string; meter: string; period: string; percent: number; used: number; limit: number },
  ): Promise<void>;
  /** `stage`: how many days before, of the few times at which it is told. */
  connectionExpires(
    sql: Sql,
    connection: { workspaceId: string; id: string; name: string; expiresAt: Date; stage: number },
  ): Promise<void>;
  memberJoined(sql: Sql, member: { workspaceId: string; userId: string; name: string; role: string }): Promise<void>;
};

export type NoticeDeps = { mail: Mail; publicUrl: string; clock?: Clock };

type Notice = {
  kind: NoticeKind;
  title: string;
  message: string;
  data: JsonObject;
  groupKey?: string;
  /** What to do about it, for the letter. */
  advice?: string;
};

export function createNotices({ mail, publicUrl, clock = systemClock }: NoticeDeps): Notices {
  /** `2026-11-21T09`, or as much of it as the number of signs says. */
  const time = (signs: number) => clock.now().toISOString().slice(0, signs);

  async function tell(
    sql: Sql,
    workspaceId: string,
    notice: Notice,
    concerns: (one: Recipient) => boolean,
  ): Promise<void> {
    const { kind, title, message, data, groupKey, advice } = notice;
    const told: string[] = [];
    for (const one of await listRecipients(sql, workspaceId, kind)) {
      const [inApp, byMail] = (['app', 'email'] as const).map((channel) => wants(kind, channel, one.chosen[channel]));
      if (!concerns(one) || (!inApp && !byMail)) continue;
      const { userId } = one;
      const first = await keepNotification(sql, { userId, workspaceId, kind, title, message, data, groupKey });
      if (inApp) told.push(userId);
      if (byMail && first && one.emailVerified) await mail.post(sql, letter(one, title, message, advice));
    }
    await tellFeeds(sql, workspaceId, told);
  }

  const letter = (to: { email: string; name: string }, title: string, message: string, advice?: string) =>
    letterOf({
      to: to.email,
      subject: title,
      name: to.name,
      before: [message, ...(advice === undefined ? [] : [advice])],
      link: { label: 'Open Sluice', url: publicUrl },
      after: ['You can choose what you are told by e-mail in the settings of your account.'],
    });

  return {
    async runFailed(sql, { workspaceId, runId, reason }) {
      const run = await runOf(sql, workspaceId, runId);
      if (!run) return;
      const { workflow_id: workflowId, workflow_name: name, project_id: projectId, environment } = run;
      const notice: Notice = {
        kind: 'run_failed',
        title: `A run of ${name} failed`,
        message: `In ${environment}: ${reason}`.slice(0, 500),
        data: { projectId, workflowId, runId, environment },
        groupKey: `run_failed:${workspaceId}:${workflowId}:${environment}:${time(13)}`,
        advice: 'Look at the run to see which step it was, and start it again from there.',
      };
      await tell(sql, workspaceId, notice, mayDo('deployment:write'));
    },

    async approvalRequested(sql, { workspaceId, runId, stepId, iteration = 0, details }) {
      const run = await runOf(sql, workspaceId, runId);
      if (!run) return;
      const said = typeof details?.message === 'string' ? details.message : 'It goes on when somebody decides.';
      const assignees = Array.isArray(details?.assignees) ? details.assignees.map(String) : [];
      const notice: Notice = {
        kind: 'approval_requested',
        title: `${run.workflow_name} waits for an approval`,
        message: said.slice(0, 500),
        data: { projectId: run.project_id, workflowId: run.workflow_id, runId, stepId, iteration },
        groupKey: `approval:${runId}:${stepId}:${iteration}`,
      };
      const asked = (one: Recipient) =>
        assignees.length === 0 || assignees.includes(one.role) || (one.emailVerified && assignees.includes(one.email));
      await tell(sql, workspaceId, notice, (one) => mayDo('approval:decide')(one) && asked(one));
    },

    async allowanceWarning(sql, { workspaceId, meter, period, percent, used, limit }) {
      const what =
        meter === 'workflow.runs' ? 'hosted runs' : meter === 'traffic.out_bytes' ? 'outbound traffic' : meter;
      const notice: Notice = {
        kind: 'allowance_warning',
        title:
          percent >= 100
            ? `All ${what} of this ${period} are used`
            : `${percent} % of this ${period}’s ${what} is used`,
        message:
          `${used} of ${limit} are used. ${percent >= 100 ? 'Nothing more is accepted until the period ends.' : ''}`.trim(),
        data: { meter, period, percent, used, limit },
        groupKey: `allowance:${workspaceId}:${meter}:${period}:${percent}:${time(period === 'day' ? 10 : 7)}`,
        advice: 'Choose a larger plan, or let fewer runs start. Runs on your own machine are not counted.',
      };
      await tell(sql, workspaceId, notice, mayDo('billing:read'));
    },

    async connectionExpires(sql, { workspaceId, id, name, expiresAt, stage }) {
      const day = expiresAt.toISOString().slice(0, 10);
      const over = stage === 0;
      const notice: Notice = {
        kind: 'connection_expires',
        title: over ? `The connection ${name} has expired` : `The connection ${name} expires on ${day}`,
        message: over
          ? `Its secret was good until ${day}. Steps that use it fail from now on.`
          : 'After that day steps that use it fail.',
        data: { connection: name, expiresAt: expiresAt.toISOString() },
        groupKey: `connection:${id}:${expiresAt.getTime()}:${stage}`,
        advice: 'Get another secret from the service, and replace it in the connections of the workspace.',
      };
      // Looked at every day, and told once.
      const { rows } = await sql.query('select 1 from notification where about_workspace_id = $1 and group_key = $2', [
        workspaceId,
        notice.groupKey,
      ]);
      if (rows.length === 0) await tell(sql, workspaceId, notice, mayDo('connection:write'));
    },

    async memberJoined(sql, { workspaceId, userId, name, role }) {
      const notice: Notice = {
        kind: 'member_joined',
        title: `${oneLine(name)} joined the workspace`,
        message: `As ${role === 'viewer' ? 'a' : 'an'} ${role}.`,
        data: { userId },
      };
      await tell(sql, workspaceId, notice, (one) => one.userId !== userId && mayDo('member:write')(one));
    },
  };
}

/** Whether somebody is told this way: as they chose, or as it is for everybody. */
export function wants(kind: NoticeKind, channel: NoticeChannel, chosen: boolean | undefined): boolean {
  const usual: boolean | 'always' = NOTICE_KINDS[kind][channel];
  return usual === 'always' || (chosen ?? usual);
}

const mayDo = (permission: Permission) => (one: Recipient) =>
  memberPermissions(one.role, one.overrides).has(permission);
const AT_ONCE = 100;

/** Whoever has the editor open hears of it when the transaction commits. */
async function tellFeeds(sql: Sql, workspaceId: string, userIds: string[]): Promise<void> {
  for (let from = 0; from < userIds.length; from += AT_ONCE) {
    const signal = { kind: 'notifications', workspaceId, userIds: userIds.slice(from, from + AT_ONCE) };
    await publishIn(sql, 'sluice', signal);
  }
}

async function runOf(sql: Sql, workspaceId: string, runId: string) {
  const { rows } = await sql.query<{
    workflow_id: string;
    workflow_name: string;
    project_id: string;
    environment: string;
  }>('select workflow_id, workflow_name, project_id, environment from run where workspace_id = $1 and id = $2', [
    workspaceId,
    runId,
  ]);
  return rows[0];
}

/**
 * Tells a person of a sign-in that may not be theirs, in a transaction opened with `withUser`. The letter about it is the
 * business of whoever signs people in: it is written whatever they chose.
 */
export async function noticeSignIn(
  tx: Tx,
  userId: string,
  { device, ip }: { device: string; ip: string },
): Promise<void> {
  const sql = asSql(tx);
  const title = 'A new sign-in to your account';
  const message = `Somebody signed in on ${device}, from the address ${ip}. If that was not you, end that sign-in and set another password.`;
  await keepNotification(sql, { userId, kind: 'new_sign_in', title, message, data: { device, ip } });
  await tellFeeds(sql, '', [userId]);
}
