import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Role } from '#shared/permission.ts';
import { type Control, createControlBench, eventsOf, step, treeOf } from '../../tests/fixtures/control.ts';
import { createAllowances } from '../billing/allowances.ts';
import type { Letter, Mail } from '../platform/mail.ts';
import { ingestReport } from '../runs/runIngest.ts';
import { createNotices, noticeSignIn } from './notices.ts';
import { keepNotification } from './notificationStore.ts';
import { createNotificationService } from './notifications.ts';

let control: Control;
const letters: Letter[] = [];
const mail: Mail = {
  post: async (_tx, letter) => void letters.push(letter),
  send: async (letter) => void letters.push(letter),
  tick: async () => 0,
  close: () => undefined,
};
/** One hour for all of the test. */
const clock = { now: () => new Date('2026-11-21T09:30:00Z') };
const notices = createNotices({ mail, publicUrl: 'https://sluice.example', clock });
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());
beforeEach(() => letters.splice(0));

const service = () => createNotificationService({ db: control.db });
const asSession = (userId: string) => {
  const { sessionId, family, email, name, emailVerified, ...caller } = control.actorOf(uuidv7(), userId);
  return { ...caller, session: { sessionId, family, userId, email, name, emailVerified } };
};
const listOf = async (userId: string, unread: 'true' | 'false' = 'false') =>
  (await service().list({ limit: 50, unread }, asSession(userId))).data;

/** A member of the workspace. @returns their user id */
async function join(workspaceId: string, role: Role, verified = true): Promise<string> {
  const id = uuidv7();
  await control.ownerSql(
    'insert into user_account (id, email, name, email_verified_at, updated_at) values ($1, $2, $3, $4, now())',
    [id, `${id}@example.com`, role, verified ? new Date() : null],
  );
  await control.ownerSql('insert into membership (workspace_id, id, user_id, role) values ($1, $2, $3, $4::role)', [
    workspaceId,
    uuidv7(),
    id,
    role,
  ]);
  return id;
}

/** A published workflow whose runs the test executes, telling whoever is to be told. */
async function published() {
  const tenant = await control.newTenant();
  const { actor, projectId, workspaceId } = tenant;
  const steps = { start: step('trigger.manual'), ask: step('flow.approval', { message: 'Go?' }) };
  const tree = treeOf(projectId, steps, { edges: ['start.main->ask.main'], name: 'Invoices' });
  await control.publish(actor, tree);
  const workflowId = Object.keys(tree.workflows)[0] ?? '';
  const agent = await control.newAgent(workspaceId);
  const run = async (...events: Parameters<typeof eventsOf>[1][]) => {
    const start = { projectId, environment: 'production', workflowId, triggerStepId: 'start', items: [] };
    const { id } = await control.runs.start(start, actor);
    const assignment = (await agent.next(1)).runs[0];
    if (assignment?.runId !== id) throw new Error('another run was handed out');
    const { fence } = assignment;
    const report = { workspaceId, runId: id, fence, events: eventsOf(assignment, ...events), done: true };
    await ingestReport(report, { ...control, database: control.db, leaseMs: 60_000, notices });
    return id;
  };
  return { ...tenant, workflowId, run };
}
const failure = {
  type: 'run.ended' as const,
  status: 'failed' as const,
  error: { code: 'connector.rejected', message: 'The service said no.' },
};

test('a run that fails is told to who may publish, once an hour, and counted', async () => {
  const { workspaceId, userId, workflowId, run } = await published();
  const [editor, viewer] = [await join(workspaceId, 'editor'), await join(workspaceId, 'viewer')];
  const unread = await join(workspaceId, 'editor', false);
  await run({ type: 'run.started' }, failure);
  const last = await run({ type: 'run.started' }, failure);
  for (const person of [userId, editor, unread]) {
    expect(await listOf(person)).toMatchObject([
      {
        kind: 'run_failed',
        workspaceId,
        title: 'A run of Invoices failed',
        message: 'In production: The service said no.',
        data: { workflowId, runId: last },
        count: 2,
        read: false,
      },
    ]);
  }
  expect(await listOf(viewer)).toEqual([]);
  // No letter to an address that nobody confirmed.
  expect(letters.map(({ to }) => to).sort()).toEqual([editor, userId].map((id) => `${id}@example.com`).sort());
  await run({ type: 'run.started' }, { type: 'run.ended', status: 'succeeded' });
  expect(await listOf(editor)).toHaveLength(1);
});

test('an approval is told to those whom it asks, once for each wait', async () => {
  const { workspaceId, userId, run } = await published();
  const editor = await join(workspaceId, 'editor');
  const viewer = await join(workspaceId, 'viewer');
  const wait = (assignees?: string[]) => ({
    type: 'run.waiting' as const,
    stepId: 'ask',
    reason: 'approval' as const,
    details: { message: 'Pay <b>1,000</b>?', ...(assignees ? { assignees } : {}) },
  });
  await run({ type: 'run.started' }, wait());
  await run({ type: 'run.started' }, wait([`${editor}@example.com`]));
  expect(await listOf(editor)).toHaveLength(2);
  expect(await listOf(userId)).toMatchObject([{ kind: 'approval_requested', message: 'Pay <b>1,000</b>?', count: 1 }]);
  expect(await listOf(viewer)).toEqual([]);
  expect(letters).toHaveLength(3);
  expect(letters[0]?.html).toContain('Pay &lt;b&gt;1,000&lt;/b&gt;?');
});

test('each kind and channel is told as the person chose, and what is about safety always', async () => {
  const { workspaceId, userId, run } = await published();
  const editor = await join(workspaceId, 'editor');
  const who = asSession(editor);
  const choose = (kind: 'run_failed' | 'new_sign_in', channel: 'app' | 'email', enabled: boolean) =>
    service().setPreference({ kind, channel, enabled }, who);
  await choose('run_failed', 'email', false);
  await run({ type: 'run.started' }, failure);
  expect(await listOf(editor)).toHaveLength(1);
  expect(letters.map(({ to }) => to)).toEqual([`${userId}@example.com`]);
  const { preferences: now } = await choose('run_failed', 'app', false);
  expect(now.filter(({ kind }) => kind === 'run_failed').map(({ enabled }) => enabled)).toEqual([false, false]);
  expect(await listOf(editor)).toEqual([]);
  expect(await service().countUnread({}, who)).toEqual({ unread: 0 });
  await expect(choose('new_sign_in', 'email', false)).rejects.toMatchObject({ code: 'request.invalid' });
  await control.db.withUser(editor, (tx) => noticeSignIn(tx, editor, { device: 'Laptop', ip: '192.0.2.7' }));
  const [told] = await listOf(editor);
  expect(told).toMatchObject({ kind: 'new_sign_in', workspaceId: undefined });
});

test('an allowance that is passed is told once for each share of it, to who looks after the bill', async () => {
  const { workspaceId, userId, actor } = await control.newTenant('free');
  const editor = await join(workspaceId, 'editor');
  const allowances = createAllowances({
    log: control.logger,
    alert: (sql, alert) => notices.allowanceWarning(sql, alert),
  });
  await control.db.withWorkspaceSql(actor, async (sql) => {
    for (let n = 0; n < 50; n++)
      await allowances.countRun(sql, workspaceId, { runId: uuidv7(), queuedAt: clock.now() });
  });
  const titles = (await listOf(userId)).map(({ title }) => title);
  expect(titles).toEqual([
    'All hosted runs of this day are used',
    '95 % of this day’s hosted runs is used',
    '85 % of this day’s hosted runs is used',
    '70 % of this day’s hosted runs is used',
  ]);
  expect(letters).toHaveLength(4);
  expect(await listOf(editor)).toEqual([]);
});

test('nobody reads, marks or is given what is told to somebody else', async () => {
  const { workspaceId, userId, run } = await published();
  const other = await control.newTenant();
  await run({ type: 'run.started' }, failure);
  const [mine] = await listOf(userId);
  const mark = (id: string, by: string) => service().markRead({ notificationId: id }, asSession(by));
  const missing = { code: 'notification.not_found', message: 'There is no such notification.' };
  await expect(mark(mine?.id ?? '', other.userId)).rejects.toMatchObject(missing);
  await expect(mark(uuidv7(), other.userId)).rejects.toMatchObject(missing);
  expect(await listOf(userId, 'true')).toHaveLength(1);
  await mark(mine?.id ?? '', userId);
  expect(await listOf(userId, 'true')).toEqual([]);
  expect(await listOf(userId)).toMatchObject([{ read: true }]);
  // A workspace writes about itself and no other.
  const forged = { userId, workspaceId, kind: 'run_failed' as const, title: 'x', message: 'x', data: {} };
  await expect(control.db.withWorkspaceSql(other.actor, (sql) => keepNotification(sql, forged))).rejects.toThrow(
    /row-level security/,
  );
});
