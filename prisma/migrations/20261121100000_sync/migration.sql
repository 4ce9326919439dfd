-- What a merge could not decide, names of revisions, trees to rebuild old revisions from, and projects that nobody changes.

BEGIN;

CREATE TABLE "conflict" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "commit_id" UUID NOT NULL,
    "path" JSONB NOT NULL,
    "kind" TEXT NOT NULL,
    "answers" JSON NOT NULL,
    "chosen" TEXT NOT NULL,
    "renamed_to" TEXT,
    "who" JSON NOT NULL,
    "place_hash" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "resolution" TEXT,
    "created_by_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "resolved_by_id" UUID,
    "resolved_at" TIMESTAMPTZ(3),
    "resolved_revision" INTEGER,

    CONSTRAINT "conflict_pkey" PRIMARY KEY ("workspace_id","project_id","id")
);
CREATE INDEX "conflict_workspace_id_project_id_status_idx" ON "conflict"("workspace_id", "project_id", "status");

CREATE TABLE "revision_name" (
    "workspace_id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "named_by_id" UUID NOT NULL,
    "named_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "revision_name_pkey" PRIMARY KEY ("workspace_id","project_id","revision")
);

CREATE TABLE "tree_snapshot" (
    "workspace_id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,
    "tree" JSON NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tree_snapshot_pkey" PRIMARY KEY ("workspace_id","project_id","revision")
);

ALTER TABLE "project" ADD COLUMN "locked_at" TIMESTAMPTZ(3), ADD COLUMN "locked_by_id" UUID;
ALTER TABLE "commit" ADD COLUMN "changes" JSON NOT NULL DEFAULT '[]', ADD COLUMN "change_count" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE "conflict" ADD CONSTRAINT "conflict_workspace_id_project_id_fkey" FOREIGN KEY ("workspace_id", "project_id") REFERENCES "project"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "conflict" ADD CONSTRAINT "conflict_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "revision_name" ADD CONSTRAINT "revision_name_workspace_id_project_id_revision_fkey" FOREIGN KEY ("workspace_id", "project_id", "revision") REFERENCES "commit"("workspace_id", "project_id", "revision") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "revision_name" ADD CONSTRAINT "revision_name_named_by_id_fkey" FOREIGN KEY ("named_by_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "tree_snapshot" ADD CONSTRAINT "tree_snapshot_workspace_id_project_id_fkey" FOREIGN KEY ("workspace_id", "project_id") REFERENCES "project"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "conflict" ADD CONSTRAINT conflict_status CHECK (
  (status = 'open' AND resolution IS NULL AND resolved_at IS NULL) OR status = 'resolved');

ALTER TABLE "conflict" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "conflict" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "conflict" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "revision_name" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "revision_name" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "revision_name" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "tree_snapshot" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "tree_snapshot" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "tree_snapshot" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());

GRANT SELECT, INSERT, UPDATE ON "conflict" TO sluice_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON "revision_name" TO sluice_app;
GRANT SELECT, INSERT ON "tree_snapshot" TO sluice_app;
GRANT SELECT ON "conflict", "revision_name", "tree_snapshot" TO sluice_readonly;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON "tree_snapshot" FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What somebody decided stays decided.
CREATE FUNCTION conflict_is_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status = 'resolved' THEN
    RAISE EXCEPTION 'a conflict that is resolved does not change' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER once BEFORE UPDATE ON "conflict" FOR EACH ROW EXECUTE FUNCTION conflict_is_decided_once();

COMMIT;
