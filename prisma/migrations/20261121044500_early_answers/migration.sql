-- Answers that came for a run while a runtime held it: written into the journal when it lets go.

BEGIN;

ALTER TABLE "run" ADD COLUMN "early_answers" JSON;

COMMIT;
