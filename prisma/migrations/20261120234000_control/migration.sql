-- What deployments, runs and journals need: text kept as it came, what a deployment froze, and who waits for whom.

BEGIN;

-- jsonb refuses U+0000 and forgets the order of fields; a journal keeps what a run saw, a tree what a person wrote.
ALTER TABLE "project_head" ALTER COLUMN "tree" TYPE JSON USING "tree"::json;
ALTER TABLE "version" ALTER COLUMN "tree" TYPE JSON USING "tree"::json;
ALTER TABLE "commit" ALTER COLUMN "ops" TYPE JSON USING "ops"::json,
  -- What the sender said the result would be; `hash` is the head's, which differs where the commit was rebased.
  ADD COLUMN "result_hash" TEXT NOT NULL;
ALTER TABLE "environment" ALTER COLUMN "vars" DROP DEFAULT;
ALTER TABLE "environment" ALTER COLUMN "vars" TYPE JSON USING "vars"::json, ALTER COLUMN "vars" SET DEFAULT '{}';
ALTER TABLE "run" ALTER COLUMN "input" TYPE JSON USING "input"::json,
  ALTER COLUMN "output" TYPE JSON USING "output"::json,
  ALTER COLUMN "answer" TYPE JSON USING "answer"::json,
  ALTER COLUMN "wait" TYPE JSON USING "wait"::json,
  ALTER COLUMN "error" TYPE JSON USING "error"::json;
ALTER TABLE "run_event" ALTER COLUMN "payload" TYPE JSON USING "payload"::json;
ALTER TABLE "hook_delivery" ALTER COLUMN "answer" TYPE JSON USING "answer"::json;

-- The inbox comes first: its row refuses a second delivery before the run is written that it names.
ALTER TABLE "hook_delivery" ALTER CONSTRAINT "hook_delivery_workspace_id_run_id_fkey" DEFERRABLE INITIALLY DEFERRED;

-- A deployment is a version and an environment as it was: a later change of variables takes effect with the next one.
ALTER TABLE "deployment" ADD COLUMN "vars" JSON NOT NULL DEFAULT '{}',
  ADD COLUMN "bindings" JSON NOT NULL DEFAULT '{}';

-- No time: the run waits until somebody wakes it. After: it starts when that run has ended.
ALTER TABLE "run_claim" ALTER COLUMN "due_at" DROP NOT NULL,
  ADD COLUMN "after_run_id" UUID,
  ADD COLUMN "recoveries" INTEGER NOT NULL DEFAULT 0;
CREATE INDEX "run_claim_workspace_id_after_run_id_idx" ON "run_claim"("workspace_id", "after_run_id");

-- What the dispatcher sees of a deployment on its way.
CREATE TABLE "deployment_claim" (
    "workspace_id" UUID NOT NULL,
    "deployment_id" UUID NOT NULL,
    "owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deployment_claim_pkey" PRIMARY KEY ("workspace_id","deployment_id")
);
CREATE INDEX "deployment_claim_due_at_idx" ON "deployment_claim"("due_at");
ALTER TABLE "deployment_claim" ADD CONSTRAINT "deployment_claim_workspace_id_deployment_id_fkey" FOREIGN KEY ("workspace_id", "deployment_id") REFERENCES "deployment"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "deployment_claim" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "deployment_claim" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "deployment_claim" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY dispatch ON "deployment_claim" TO sluice_dispatcher USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON "deployment_claim" TO sluice_app;
GRANT SELECT ON "deployment_claim" TO sluice_readonly;
GRANT SELECT, UPDATE ON "deployment_claim" TO sluice_dispatcher;

COMMIT;
