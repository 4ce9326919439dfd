-- How large a project is, to hold a workspace to the storage of its plan without reading every tree.

BEGIN;

ALTER TABLE "project_head" ADD COLUMN "bytes" INTEGER NOT NULL DEFAULT 0;

COMMIT;
