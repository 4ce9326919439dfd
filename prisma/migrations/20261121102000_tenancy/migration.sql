-- Workspaces that are deleted and come back, invitations, letters that are sent after their cause is written down,
-- notifications, an audit log whose end is sealed, and the ways in which data goes for good.

BEGIN;

ALTER TABLE "workspace" ADD COLUMN "deleted_by_id" UUID,
  ADD COLUMN "purge_after" TIMESTAMPTZ(3);

-- ---------------------------------------------------------------- invitations

CREATE TYPE "invitation_status" AS ENUM ('pending', 'accepted', 'declined', 'revoked', 'expired');
CREATE TABLE "invitation" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "token_hash" TEXT NOT NULL,
    "status" "invitation_status" NOT NULL DEFAULT 'pending',
    "invited_by_id" UUID NOT NULL,
    "sent_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "answered_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "invitation_pkey" PRIMARY KEY ("workspace_id","id")
);
CREATE UNIQUE INDEX "invitation_workspace_id_token_hash_key" ON "invitation"("workspace_id", "token_hash");
CREATE INDEX "invitation_email_idx" ON "invitation"("email");
-- One that waits per address; what was answered stays beside it.
CREATE UNIQUE INDEX "invitation_one_pending" ON "invitation"("workspace_id", "email") WHERE status = 'pending';
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_invited_by_id_fkey" FOREIGN KEY ("invited_by_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "invitation" ADD CONSTRAINT invitation_email_lower CHECK (email = lower(email));
ALTER TABLE "invitation" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "invitation" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "invitation" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
-- Before a workspace is chosen, a person reads the invitations to the address that they confirmed.
CREATE POLICY by_user ON "invitation" FOR SELECT USING (current_workspace() IS NULL AND email = (
  SELECT u.email FROM "user_account" u WHERE u.id = current_account() AND u.email_verified_at IS NOT NULL AND u.deleted_at IS NULL));

-- ---------------------------------------------------------------- what is looked after in a workspace, and when

CREATE TABLE "upkeep_claim" (
    "workspace_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),

    CONSTRAINT "upkeep_claim_pkey" PRIMARY KEY ("workspace_id","kind")
);
CREATE INDEX "upkeep_claim_due_at_idx" ON "upkeep_claim"("due_at");
ALTER TABLE "upkeep_claim" ADD CONSTRAINT "upkeep_claim_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "upkeep_claim" ADD CONSTRAINT upkeep_claim_kind CHECK (kind IN ('purge', 'audit'));
ALTER TABLE "upkeep_claim" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "upkeep_claim" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "upkeep_claim" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY dispatch ON "upkeep_claim" TO sluice_dispatcher USING (true) WITH CHECK (true);

-- ---------------------------------------------------------------- letters

-- Anybody's transaction adds a letter; its words are sealed, and only who names its id reads it. The dispatcher sees when it is due.
CREATE TABLE "mail_outbox" (
    "id" UUID NOT NULL,
    "sealed" BYTEA,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ(3),
    "owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "last_error" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "mail_outbox_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "mail_outbox_due_at_idx" ON "mail_outbox"("due_at");
CREATE FUNCTION current_letter() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.mail_id', true), '')::uuid $$;
ALTER TABLE "mail_outbox" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "mail_outbox" FORCE ROW LEVEL SECURITY;
CREATE POLICY post ON "mail_outbox" FOR INSERT TO sluice_app WITH CHECK (true);
CREATE POLICY read_one ON "mail_outbox" FOR SELECT TO sluice_app USING (id = current_letter());
CREATE POLICY change_one ON "mail_outbox" FOR UPDATE TO sluice_app USING (id = current_letter()) WITH CHECK (id = current_letter());
CREATE POLICY remove_one ON "mail_outbox" FOR DELETE TO sluice_app USING (id = current_letter());
CREATE POLICY dispatch ON "mail_outbox" TO sluice_dispatcher USING (true) WITH CHECK (true);

-- ---------------------------------------------------------------- notifications

-- A person's own. What is written about a workspace's events is written in that workspace's transaction.
CREATE TABLE "notification" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "about_workspace_id" UUID,
    "kind" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',
    "group_key" TEXT,
    "count" INTEGER NOT NULL DEFAULT 1,
    "read_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "notification_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "notification_user_id_group_key_key" ON "notification"("user_id", "group_key");
CREATE INDEX "notification_user_id_id_idx" ON "notification"("user_id", "id");
CREATE INDEX "notification_about_workspace_id_idx" ON "notification"("about_workspace_id");
ALTER TABLE "notification" ADD CONSTRAINT "notification_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "notification" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "notification" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "notification" USING (about_workspace_id = current_workspace()) WITH CHECK (about_workspace_id = current_workspace());
CREATE POLICY by_user ON "notification" USING (current_workspace() IS NULL AND user_id = current_account())
  WITH CHECK (current_workspace() IS NULL AND user_id = current_account());

CREATE TABLE "notification_preference" (
    "user_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL,

    CONSTRAINT "notification_preference_pkey" PRIMARY KEY ("user_id","kind","channel")
);
ALTER TABLE "notification_preference" ADD CONSTRAINT "notification_preference_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "notification_preference" ADD CONSTRAINT notification_preference_channel CHECK (channel IN ('app', 'email'));
ALTER TABLE "notification_preference" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "notification_preference" FORCE ROW LEVEL SECURITY;
CREATE POLICY by_user ON "notification_preference" USING (user_id = current_account()) WITH CHECK (user_id = current_account());
-- Who tells the members of a workspace something has to know what they want to be told.
CREATE POLICY of_members ON "notification_preference" FOR SELECT USING (EXISTS (
  SELECT 1 FROM "membership" m WHERE m.workspace_id = current_workspace() AND m.user_id = notification_preference.user_id));

-- ---------------------------------------------------------------- the audit log

-- What names a person stands apart: the chain holds a salted hash of it, so that it can go and the chain still fits.
ALTER TABLE "audit_entry" ADD COLUMN "about" JSONB,
  ADD COLUMN "person_salt" TEXT,
  ADD COLUMN "person_hash" TEXT;

-- Now and then the chain's end is signed with a key that the database does not know: no end can be cut off or written anew.
CREATE TABLE "audit_seal" (
    "workspace_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,
    "mac" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "audit_seal_pkey" PRIMARY KEY ("workspace_id","seq")
);
ALTER TABLE "audit_seal" ADD CONSTRAINT "audit_seal_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "audit_seal" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "audit_seal" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "audit_seal" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());

-- ---------------------------------------------------------------- a person who leaves

CREATE TABLE "account_erasure" (
    "user_id" UUID NOT NULL,
    "restore_hash" TEXT NOT NULL,
    "requested_at" TIMESTAMPTZ(3) NOT NULL,
    "erase_after" TIMESTAMPTZ(3) NOT NULL,
    "owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),

    CONSTRAINT "account_erasure_pkey" PRIMARY KEY ("user_id")
);
CREATE INDEX "account_erasure_erase_after_idx" ON "account_erasure"("erase_after");
ALTER TABLE "account_erasure" ADD CONSTRAINT "account_erasure_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "account_erasure" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "account_erasure" FORCE ROW LEVEL SECURITY;
CREATE POLICY by_user ON "account_erasure" USING (user_id = current_account()) WITH CHECK (user_id = current_account());
CREATE POLICY dispatch ON "account_erasure" TO sluice_dispatcher USING (true) WITH CHECK (true);

-- ---------------------------------------------------------------- grants

GRANT SELECT, INSERT, UPDATE, DELETE ON "invitation", "upkeep_claim", "mail_outbox", "notification", "notification_preference", "account_erasure" TO sluice_app;
GRANT SELECT, INSERT ON "audit_seal" TO sluice_app;
GRANT SELECT ON "upkeep_claim", "audit_seal" TO sluice_readonly;
GRANT SELECT, UPDATE ON "upkeep_claim" TO sluice_dispatcher;
-- Columns without a word of a letter or a key to anything.
GRANT SELECT ("id", "due_at", "owner", "lease_until"), UPDATE ("owner", "lease_until") ON "mail_outbox" TO sluice_dispatcher;
GRANT SELECT ("user_id", "erase_after", "owner", "lease_until"), UPDATE ("owner", "lease_until") ON "account_erasure" TO sluice_dispatcher;

-- ---------------------------------------------------------------- going for good

-- Rows that never change still go when their workspace is purged: only the functions below say so, and only as the owner.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('app.erasing', true) = 'yes'
     AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END IF;
  RAISE EXCEPTION '% of % is refused: its rows never change', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

-- Deletes every row of a workspace that was deleted and whose time to come back is over. Answers how many went.
CREATE FUNCTION purge_workspace(target uuid) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  waiting text[];
  stuck text[];
  name text;
  gone bigint;
  total bigint := 0;
BEGIN
  IF target IS DISTINCT FROM current_workspace() THEN
    RAISE EXCEPTION 'a workspace is purged from inside' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM 1 FROM workspace WHERE id = target AND deleted_at IS NOT NULL AND purge_after <= now() FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this workspace may not be purged now' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM set_config('app.erasing', 'yes', true);
  SELECT array_agg(c.relname::text ORDER BY c.relname) INTO waiting
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
   WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace;
  WHILE cardinality(waiting) > 0 LOOP
    stuck := '{}';
    FOREACH name IN ARRAY waiting LOOP
      BEGIN
        EXECUTE format('DELETE FROM %I WHERE workspace_id = $1', name) USING target;
        GET DIAGNOSTICS gone = ROW_COUNT;
        total := total + gone;
      EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
        -- Something points at it that comes later.
        stuck := stuck || name;
      END;
    END LOOP;
    IF cardinality(stuck) = cardinality(waiting) THEN
      RAISE EXCEPTION 'rows of % cannot be deleted', stuck;
    END IF;
    waiting := stuck;
  END LOOP;
  DELETE FROM notification WHERE about_workspace_id = target;
  DELETE FROM workspace WHERE id = target;
  PERFORM set_config('app.erasing', '', true);
  RETURN total;
END
$$;

-- Takes out what a person who is erased left in this workspace's audit log; the chain fits without. Answers the entries' numbers.
CREATE FUNCTION clear_audit_person(target uuid, address text) RETURNS integer[] LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  workspace uuid := current_workspace();
  cleared integer[];
BEGIN
  PERFORM set_config('app.user_id', target::text, true);
  PERFORM 1 FROM account_erasure WHERE user_id = target AND erase_after <= now();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this person may not be erased now' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM set_config('app.erasing', 'yes', true);
  WITH done AS (
    UPDATE audit_entry SET actor_id = NULL, actor_name = NULL, ip = NULL, user_agent = NULL, about = NULL, person_salt = NULL
     WHERE workspace_id = workspace AND person_salt IS NOT NULL
       AND (actor_id = target OR about->>'userId' = target::text OR about->>'email' = address)
    RETURNING seq)
  SELECT coalesce(array_agg(seq ORDER BY seq), '{}') INTO cleared FROM done;
  PERFORM set_config('app.erasing', '', true);
  PERFORM set_config('app.user_id', '', true);
  RETURN cleared;
END
$$;

-- Deletes the log of a person's own account.
CREATE FUNCTION erase_account_events(target uuid) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  PERFORM 1 FROM account_erasure WHERE user_id = target AND user_id = current_account() AND erase_after <= now();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this person may not be erased now' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM set_config('app.erasing', 'yes', true);
  DELETE FROM account_event WHERE user_id = target;
  GET DIAGNOSTICS gone = ROW_COUNT;
  PERFORM set_config('app.erasing', '', true);
  RETURN gone;
END
$$;

-- Deletes audit entries that are older than the plan keeps, up to one whose hash is sealed: the chain goes on from there.
CREATE FUNCTION trim_audit(target uuid, keep_days integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  last integer;
  gone bigint;
BEGIN
  IF target IS DISTINCT FROM current_workspace() OR keep_days < 7 THEN
    RAISE EXCEPTION 'this may not be trimmed' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT max(s.seq) INTO last FROM audit_seal s JOIN audit_entry e ON e.workspace_id = s.workspace_id AND e.seq = s.seq
   WHERE s.workspace_id = target AND e.at < now() - keep_days * interval '1 day';
  IF last IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM set_config('app.erasing', 'yes', true);
  DELETE FROM audit_entry WHERE workspace_id = target AND seq <= last;
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM audit_seal WHERE workspace_id = target AND seq < last;
  PERFORM set_config('app.erasing', '', true);
  RETURN gone;
END
$$;

REVOKE ALL ON FUNCTION purge_workspace(uuid), clear_audit_person(uuid, text), erase_account_events(uuid), trim_audit(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purge_workspace(uuid), clear_audit_person(uuid, text), erase_account_events(uuid), trim_audit(uuid, integer) TO sluice_app;

COMMIT;
