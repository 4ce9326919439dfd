-- What a run took over from the one it does again, and runs that are started once under a key.

BEGIN;

ALTER TYPE "run_trigger" ADD VALUE 'route';
ALTER TYPE "run_trigger" ADD VALUE 'form';
ALTER TYPE "run_trigger" ADD VALUE 'error';
ALTER TYPE "run_trigger" ADD VALUE 'machine';

ALTER TABLE "run" ADD COLUMN "start_key" TEXT,
  ADD COLUMN "taken_over" JSON;
CREATE UNIQUE INDEX "run_workspace_id_start_key_key" ON "run"("workspace_id", "start_key");

COMMIT;
