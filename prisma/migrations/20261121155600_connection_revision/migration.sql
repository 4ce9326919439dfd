-- What two people set in a connection at once is told apart by it.

BEGIN;

ALTER TABLE "connection" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1;

COMMIT;
