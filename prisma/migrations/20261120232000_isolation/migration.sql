-- Written by hand: what the schema language has no words for. Roles, row-level security, grants, triggers, partial indexes.

BEGIN;

-- The roles that log in. None owns a table, so none can change one, and passwords are set at start, from the master key.
-- Roles belong to the whole cluster: another database may have made them already.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sluice_app', 'sluice_dispatcher', 'sluice_queue', 'sluice_readonly'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION', name);
    END IF;
  END LOOP;
END
$$;

-- Which workspace, and which user, a transaction may see. After a committed transaction the setting is empty, not null.
CREATE FUNCTION current_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.workspace_id', true), '')::uuid $$;
CREATE FUNCTION current_account() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

-- Tenant tables: the workspace of the transaction and no other.
ALTER TABLE "membership" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "membership" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "membership" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "workspace_key" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "workspace_key" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "workspace_key" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "project" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "project" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "project" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "project_head" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "project_head" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "project_head" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "commit" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "commit" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "commit" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "blob" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "blob" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "blob" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "version" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "version" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "version" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "environment" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "environment" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "environment" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "deployment" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "deployment" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "deployment" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "deployment_log" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "deployment_log" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "deployment_log" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "schedule" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "schedule" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "schedule" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "schedule_fire" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "schedule_fire" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "schedule_fire" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "schedule_claim" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "schedule_claim" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "schedule_claim" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "hook_address" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "hook_address" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "hook_address" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "hook_delivery" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "hook_delivery" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "hook_delivery" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "event_publication" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "event_publication" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "event_publication" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "run" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "run" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "run" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "run_event" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "run_event" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "run_event" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "run_log" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "run_log" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "run_log" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "run_claim" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "run_claim" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "run_claim" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "connection" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "connection" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "connection" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "tenant_container" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "tenant_container" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "tenant_container" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "container_boot" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "container_boot" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "container_boot" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "agent_token" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "agent_token" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "agent_token" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "container_claim" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "container_claim" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "container_claim" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "usage_row" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "usage_row" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "usage_row" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "usage_counter" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "usage_counter" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "usage_counter" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "subscription" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "subscription" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "subscription" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "invoice" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "invoice" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "invoice" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "audit_entry" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "audit_entry" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "audit_entry" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());

ALTER TABLE "workspace" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "workspace" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "workspace" USING (id = current_workspace()) WITH CHECK (id = current_workspace());

-- Second policies, by user: before a workspace is chosen, a person may read which ones they belong to.
CREATE POLICY by_user ON "membership" FOR SELECT
  USING (current_workspace() IS NULL AND user_id = current_account());
CREATE POLICY by_user ON "workspace" FOR SELECT
  USING (current_workspace() IS NULL AND id IN (SELECT workspace_id FROM "membership" WHERE user_id = current_account()));

ALTER TABLE "account_event" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "account_event" FORCE ROW LEVEL SECURITY;
CREATE POLICY by_user ON "account_event" USING (user_id = current_account()) WITH CHECK (user_id = current_account());
ALTER TABLE "idempotency_key" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "idempotency_key" FORCE ROW LEVEL SECURITY;
CREATE POLICY by_user ON "idempotency_key" USING (user_id = current_account()) WITH CHECK (user_id = current_account());

-- The dispatcher finds work of every workspace, in tables that hold no data of theirs.
CREATE POLICY dispatch ON "schedule_claim" TO sluice_dispatcher USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON "run_claim" TO sluice_dispatcher USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON "container_claim" TO sluice_dispatcher USING (true) WITH CHECK (true);

-- Grants. TRUNCATE is given to nobody, because row-level security does not restrain it.
GRANT USAGE ON SCHEMA public TO sluice_app, sluice_dispatcher, sluice_readonly;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO sluice_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO sluice_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sluice_readonly;
REVOKE ALL ON "session", "verification_token", "authorization_code", "workspace_key", "agent_token", "container_boot" FROM sluice_readonly;
REVOKE ALL ON "_prisma_migrations" FROM sluice_app, sluice_readonly;
GRANT SELECT, UPDATE ON "schedule_claim", "run_claim", "container_claim" TO sluice_dispatcher;

-- What is only ever added to.
REVOKE UPDATE, DELETE ON "version", "commit", "run_event", "audit_entry", "account_event" FROM sluice_app;
REVOKE DELETE ON "deployment", "usage_row", "invoice", "stripe_event" FROM sluice_app;

-- The doorbells live in a schema of their own, and their role sees nothing else.
CREATE SCHEMA IF NOT EXISTS bullmq;
GRANT USAGE ON SCHEMA bullmq TO sluice_queue;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: its rows never change', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON "version" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON "commit" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON "audit_entry" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON "account_event" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE ON "run_event" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON "deployment" FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION deployment_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status <> OLD.status AND NOT (
       (OLD.status = 'queued' AND NEW.status IN ('validating', 'failed'))
    OR (OLD.status = 'validating' AND NEW.status IN ('provisioning', 'failed'))
    OR (OLD.status = 'provisioning' AND NEW.status IN ('active', 'failed'))
    OR (OLD.status = 'active' AND NEW.status IN ('stopped', 'superseded'))
  ) THEN
    RAISE EXCEPTION 'a deployment does not go from % to %', OLD.status, NEW.status USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER forward BEFORE UPDATE ON "deployment" FOR EACH ROW EXECUTE FUNCTION deployment_moves_forward();

CREATE FUNCTION run_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status <> OLD.status AND (OLD.status IN ('succeeded', 'failed', 'cancelled', 'timed_out') OR NEW.status = 'queued') THEN
    RAISE EXCEPTION 'a run does not go from % to %', OLD.status, NEW.status USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER forward BEFORE UPDATE ON "run" FOR EACH ROW EXECUTE FUNCTION run_ends_once();

-- At most one deployment takes an environment's traffic.
CREATE UNIQUE INDEX deployment_one_active ON "deployment" (workspace_id, environment_id) WHERE status = 'active';
-- A name is free again once its connection is deleted.
CREATE UNIQUE INDEX connection_name ON "connection" (workspace_id, name) WHERE deleted_at IS NULL;
-- What the dispatcher looks for.
CREATE INDEX run_claim_due ON "run_claim" (due_at) WHERE status <> 'done';

ALTER TABLE "usage_counter" ADD CONSTRAINT usage_counter_not_negative CHECK (used >= 0 AND reserved >= 0);
ALTER TABLE "schedule" ADD CONSTRAINT schedule_overlap CHECK (overlap IN ('skip', 'queue_one', 'allow', 'cancel'));
ALTER TABLE "commit" ADD CONSTRAINT commit_origin CHECK (origin IN ('canvas', 'file', 'git', 'merge', 'restore', 'import'));
ALTER TABLE "user_account" ADD CONSTRAINT user_account_email_lower CHECK (email = lower(email));

COMMIT;
