-- What a workflow's settings demand of its runs: how many at once, how often, in which order.

BEGIN;

-- Keys are hashes: the claims table holds no data of a tenant.
ALTER TABLE "run_claim" ADD COLUMN "rank" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "group_key" TEXT,
  ADD COLUMN "group_limit" INTEGER,
  ADD COLUMN "singleton_key" TEXT,
  ADD COLUMN "debounce_key" TEXT,
  ADD COLUMN "held_by" TEXT,
  ADD COLUMN "held_since" TIMESTAMPTZ(3);
CREATE INDEX "run_claim_group" ON "run_claim"("workspace_id", "group_key") WHERE group_key IS NOT NULL AND status IN ('ready', 'leased');
CREATE INDEX "run_claim_singleton" ON "run_claim"("workspace_id", "singleton_key") WHERE singleton_key IS NOT NULL AND status <> 'done';
CREATE INDEX "run_claim_held" ON "run_claim"("workspace_id", "debounce_key") WHERE held_by IS NOT NULL AND status = 'waiting';
ALTER TABLE "run_claim" ADD CONSTRAINT run_claim_held_by CHECK (held_by IN ('throttle', 'debounce', 'singleton'));

-- When runs passed a gate: a rate, a throttle or an idempotency key. Of no use after it expired.
CREATE TABLE "run_gate" (
    "workspace_id" UUID NOT NULL,
    "gate" TEXT NOT NULL,
    "run_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "run_gate_pkey" PRIMARY KEY ("workspace_id","gate","run_id")
);
CREATE INDEX "run_gate_workspace_id_gate_at_idx" ON "run_gate"("workspace_id", "gate", "at");
CREATE INDEX "run_gate_workspace_id_expires_at_idx" ON "run_gate"("workspace_id", "expires_at");
CREATE INDEX "run_gate_workspace_id_run_id_idx" ON "run_gate"("workspace_id", "run_id");
ALTER TABLE "run_gate" ADD CONSTRAINT "run_gate_workspace_id_run_id_fkey" FOREIGN KEY ("workspace_id", "run_id") REFERENCES "run"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "run_gate" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "run_gate" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "run_gate" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
GRANT SELECT, INSERT, UPDATE, DELETE ON "run_gate" TO sluice_app;
GRANT SELECT ON "run_gate" TO sluice_readonly;

COMMIT;
