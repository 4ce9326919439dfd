-- What is found by words: one row per project, workflow and step, made from the head of each project.

BEGIN;

CREATE TABLE "search_entry" (
    "workspace_id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "workflow_id" UUID,
    "step_id" TEXT,
    "title" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "features" TEXT[],
    "words" tsvector NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "search_entry_pkey" PRIMARY KEY ("workspace_id","project_id","key")
);

-- How far each project has been read.
CREATE TABLE "search_mark" (
    "workspace_id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "head_hash" TEXT NOT NULL,

    CONSTRAINT "search_mark_pkey" PRIMARY KEY ("workspace_id","project_id")
);

ALTER TABLE "search_entry" ADD CONSTRAINT "search_entry_workspace_id_project_id_fkey" FOREIGN KEY ("workspace_id", "project_id") REFERENCES "project"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "search_mark" ADD CONSTRAINT "search_mark_workspace_id_project_id_fkey" FOREIGN KEY ("workspace_id", "project_id") REFERENCES "project"("workspace_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "search_entry" ADD CONSTRAINT search_entry_kind CHECK (kind IN ('project', 'workflow', 'step'));

ALTER TABLE "search_entry" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_entry" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "search_entry" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER TABLE "search_mark" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_mark" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "search_mark" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());

GRANT SELECT, INSERT, UPDATE, DELETE ON "search_entry", "search_mark" TO sluice_app;
GRANT SELECT ON "search_entry", "search_mark" TO sluice_readonly;

COMMIT;
