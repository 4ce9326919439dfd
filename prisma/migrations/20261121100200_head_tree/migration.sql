-- In a burst of commits the tree is written with the last one only; until then it stands at an earlier revision than the head.

BEGIN;

ALTER TABLE "project_head" ADD COLUMN "tree_revision" INTEGER;

COMMIT;
