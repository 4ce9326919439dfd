-- What two people change in a member's rights at once, or one person in their notices from two places, is told apart by it.

BEGIN;

ALTER TABLE "membership" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "notification_preference" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1;

COMMIT;
