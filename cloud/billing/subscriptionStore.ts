import { v7 as uuidv7 } from 'uuid';
import type { PlanSlug } from '#shared/plan.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Database, Sql, WorkspaceScope } from '../platform/database.ts';
import type { Entitlement, SubscriptionStatus } from './entitlement.ts';
import type { Cycle } from './stripeClient.ts';

export type StoredSubscription = {
  planSlug: PlanSlug;
  status: SubscriptionStatus;
  cycle?: Cycle;
  stripeCustomerId: string;
  stripeSubscriptionId?: string;
  periodEnd?: Date;
  cancelAtPeriodEnd: boolean;
  /** Changes with every write to the row: what a later write may compare with. */
  rowVersion: string;
};

type Row = {
  plan_slug: PlanSlug;
  status: SubscriptionStatus;
  cycle: Cycle | null;
  stripe_customer_id: string;
  stripe_subscription_id: string | null;
  period_end: Date | null;
  cancel_at_period_end: boolean;
  row_version: string;
};

export function readSubscription(db: Database, scope: WorkspaceScope): Promise<StoredSubscription | undefined> {
  return db.withWorkspaceSql(scope, (sql) => read(sql, scope.workspaceId));
}

/** Keeps the provider's customer of a workspace. The first one stays: two checkouts at once share it. */
export function keepCustomer(db: Database, scope: WorkspaceScope, stripeCustomerId: string): Promise<string> {
  return db.withWorkspaceSql(scope, async (sql) => {
    await sql.query(
      `insert into subscription (workspace_id, id, plan_slug, status, stripe_customer_id, updated_at)
       values ($1, $2, 'free', 'incomplete', $3, now()) on conflict (workspace_id) do nothing`,
      [scope.workspaceId, uuidv7(), stripeCustomerId],
    );
    return (await read(sql, scope.workspaceId))?.stripeCustomerId ?? stripeCustomerId;
  });
}

export type Applied = 'stale' | 'unchanged' | 'changed' | 'plan_changed';

/**
 * Stores what the provider said, unless the row was written after `before` was read: then what was fetched may be older
 * than what is stored, and the caller fetches again. The workspace's plan changes in the same transaction.
 */
export function applyEntitlement(
  db: Database,
  before: StoredSubscription | undefined,
  to: Entitlement,
): Promise<Applied> {
  const { workspaceId } = to;
  if (before && saysTheSame(before, to)) return Promise.resolve('unchanged');
  return db.withWorkspaceSql({ workspaceId }, async (sql) => {
    const written = before ? await update(sql, before.rowVersion, to) : await insert(sql, to);
    if (!written) return 'stale';
    const { rows } = await sql.query<{ plan: PlanSlug }>(
      `update workspace w set plan = $2::plan_slug, updated_at = now() from workspace old
        where w.id = $1 and old.id = w.id and old.plan <> $2::plan_slug returning old.plan`,
      [workspaceId, to.plan],
    );
    const from = rows[0]?.plan;
    const action = to.plan === 'free' ? 'billing.cancel' : from === 'free' ? 'billing.subscribe' : 'billing.change';
    const { status, cycle, cancelAtPeriodEnd } = to;
    const metadata = { from: from ?? to.plan, to: to.plan, status, cycle, cancelAtPeriodEnd };
    await recordAudit(
      sql,
      { workspaceId },
      { action, resource: 'subscription', resourceId: to.stripeSubscriptionId, metadata },
    );
    return from ? 'plan_changed' : 'changed';
  });
}

export type StoredInvoice = {
  stripeInvoiceId: string;
  number?: string;
  status: 'draft' | 'open' | 'paid' | 'void' | 'uncollectible';
  currency: string;
  total: number;
  pdfRef?: string;
  issuedAt?: Date;
};

/** Stores an invoice as the provider has it now; one that was paid or voided does not go back to open. */
export function keepInvoice(db: Database, scope: WorkspaceScope, invoice: StoredInvoice): Promise<void> {
  const { workspaceId } = scope;
  return db.withWorkspaceSql(scope, async (sql) => {
    const { rows } = await sql.query<{ new: boolean }>(
      `insert into invoice (workspace_id, id, stripe_invoice_id, number, status, currency, total, pdf_ref, issued_at, updated_at)
       values ($1, $2, $3, $4, $5::invoice_status, $6, $7, $8, $9, now())
       on conflict (stripe_invoice_id) do update
         set number = excluded.number, status = excluded.status, total = excluded.total, pdf_ref = excluded.pdf_ref,
             issued_at = excluded.issued_at, updated_at = now()
       where invoice.status in ('draft', 'open') and invoice.status <> excluded.status
       returning true as new`,
      [
        workspaceId,
        uuidv7(),
        invoice.stripeInvoiceId,
        invoice.number ?? null,
        invoice.status,
        invoice.currency,
        invoice.total,
        invoice.pdfRef ?? null,
        invoice.issuedAt ?? null,
      ],
    );
    if (rows.length === 0 || invoice.status !== 'paid') return;
    const metadata = { number: invoice.number ?? null, total: invoice.total, currency: invoice.currency };
    const record = { action: 'billing.payment', resource: 'invoice', resourceId: invoice.stripeInvoiceId, metadata };
    await recordAudit(sql, { workspaceId }, record);
  });
}

/** Writes an event down for ever. Answers whether it was dealt with before. */
export function rememberEvent(db: Database, id: string, type: string): Promise<{ processed: boolean }> {
  return db.withoutTenant(async (tx) => {
    await tx.stripeEvent.createMany({ data: { id, type }, skipDuplicates: true });
    const { processedAt } = await tx.stripeEvent.findUniqueOrThrow({ where: { id } });
    return { processed: processedAt !== null };
  });
}

export function markProcessed(db: Database, id: string, at: Date): Promise<unknown> {
  return db.withoutTenant((tx) => tx.stripeEvent.update({ where: { id }, data: { processedAt: at } }));
}

/**
 * Then nothing is written: what is stored was fetched before it was read, so a write meanwhile is newer than `to` or the same.
 */
function saysTheSame(before: StoredSubscription, to: Entitlement): boolean {
  return (
    before.planSlug === to.planSlug &&
    before.status === to.status &&
    before.cycle === to.cycle &&
    before.stripeSubscriptionId === to.stripeSubscriptionId &&
    before.periodEnd?.getTime() === to.periodEnd.getTime() &&
    before.cancelAtPeriodEnd === to.cancelAtPeriodEnd
  );
}

async function read(sql: Sql, workspaceId: string): Promise<StoredSubscription | undefined> {
  const { rows } = await sql.query<Row>(
    `select plan_slug, status, cycle, stripe_customer_id, stripe_subscription_id, period_end, cancel_at_period_end,
            xmin::text as row_version
       from subscription where workspace_id = $1`,
    [workspaceId],
  );
  const [row] = rows;
  return (
    row && {
      planSlug: row.plan_slug,
      status: row.status,
      cycle: row.cycle ?? undefined,
      stripeCustomerId: row.stripe_customer_id,
      stripeSubscriptionId: row.stripe_subscription_id ?? undefined,
      periodEnd: row.period_end ?? undefined,
      cancelAtPeriodEnd: row.cancel_at_period_end,
      rowVersion: row.row_version,
    }
  );
}

async function insert(sql: Sql, to: Entitlement): Promise<boolean> {
  const { rowCount } = await sql.query(
    `insert into subscription (workspace_id, id, plan_slug, status, cycle, stripe_customer_id, stripe_subscription_id,
       period_start, period_end, cancel_at_period_end, updated_at)
     values ($1, $2, $3::plan_slug, $4::subscription_status, $5::billing_cycle, $6, $7, $8, $9, $10, now())
     on conflict (workspace_id) do nothing`,
    [
      to.workspaceId,
      uuidv7(),
      to.planSlug,
      to.status,
      to.cycle,
      to.stripeCustomerId,
      to.stripeSubscriptionId,
      to.periodStart,
      to.periodEnd,
      to.cancelAtPeriodEnd,
    ],
  );
  return rowCount === 1;
}

async function update(sql: Sql, rowVersion: string, to: Entitlement): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update subscription
        set plan_slug = $3::plan_slug, status = $4::subscription_status, cycle = $5::billing_cycle,
            stripe_subscription_id = $6, period_start = $7, period_end = $8, cancel_at_period_end = $9, updated_at = now()
      where workspace_id = $1 and xmin::text = $2`,
    [
      to.workspaceId,
      rowVersion,
      to.planSlug,
      to.status,
      to.cycle,
      to.stripeSubscriptionId,
      to.periodStart,
      to.periodEnd,
      to.cancelAtPeriodEnd,
    ],
  );
  return rowCount === 1;
}
