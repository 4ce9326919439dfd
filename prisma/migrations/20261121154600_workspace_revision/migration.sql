-- What two people change in a workspace's settings at once is told apart by it.

BEGIN;

ALTER TABLE "workspace" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1;

COMMIT;
