-- Where a plan has not room for all connections, those that somebody chose work before the others.

BEGIN;

ALTER TABLE "connection" ADD COLUMN "chosen" BOOLEAN NOT NULL DEFAULT false;

COMMIT;
