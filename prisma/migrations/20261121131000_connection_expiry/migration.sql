-- Connections whose secret expires are looked at once a day.

BEGIN;

ALTER TABLE "upkeep_claim" DROP CONSTRAINT upkeep_claim_kind;
ALTER TABLE "upkeep_claim" ADD CONSTRAINT upkeep_claim_kind CHECK (kind IN ('purge', 'audit', 'history', 'connections'));

COMMIT;
