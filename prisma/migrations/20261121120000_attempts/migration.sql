-- Tries that nobody may make often: all processes count them together, and a restart forgets none.

BEGIN;

CREATE TABLE "attempt" (
    "key_hash" TEXT NOT NULL,
    "tries" INTEGER NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("key_hash")
);
CREATE INDEX "attempt_until_idx" ON "attempt"("until");
-- A transaction sees what it names, and what counts no more, to sweep it away.
ALTER TABLE "attempt" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "attempt" FORCE ROW LEVEL SECURITY;
CREATE POLICY named ON "attempt"
  USING (key_hash = ANY (string_to_array(current_setting('app.attempts', true), ',')) OR until <= now())
  WITH CHECK (key_hash = ANY (string_to_array(current_setting('app.attempts', true), ',')));
GRANT SELECT, INSERT, UPDATE, DELETE ON "attempt" TO sluice_app;

COMMIT;
