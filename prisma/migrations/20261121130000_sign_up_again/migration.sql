-- Who signs up again with an address that is not confirmed yet changes nothing until a letter confirms it: the name and the
-- password that were chosen wait with that letter's link.

BEGIN;

ALTER TABLE "verification_token" ADD COLUMN "name" TEXT, ADD COLUMN "password_hash" TEXT;

COMMIT;
