-- Old commits go when their plan keeps them no longer. What anybody may still ask for by name stays: revisions with a
-- name, those that versions were made of, and what open conflicts are about.

BEGIN;

ALTER TABLE "upkeep_claim" DROP CONSTRAINT upkeep_claim_kind;
ALTER TABLE "upkeep_claim" ADD CONSTRAINT upkeep_claim_kind CHECK (kind IN ('purge', 'audit', 'history'));
INSERT INTO "upkeep_claim" (workspace_id, kind, due_at)
  SELECT DISTINCT workspace_id, 'history', now() + random() * interval '1 day' FROM "project" WHERE deleted_at IS NULL
  ON CONFLICT DO NOTHING;

-- Revisions of a project that outlive their age.
CREATE FUNCTION kept_revisions(target uuid, of_project uuid) RETURNS SETOF integer LANGUAGE sql STABLE AS $$
  SELECT revision FROM revision_name WHERE workspace_id = target AND project_id = of_project
  UNION SELECT revision FROM version WHERE workspace_id = target AND project_id = of_project
  UNION SELECT unnest(ARRAY[c.revision, c.base_revision])
    FROM conflict x JOIN "commit" c ON c.workspace_id = x.workspace_id AND c.project_id = x.project_id AND c.commit_id = x.commit_id
   WHERE x.workspace_id = target AND x.project_id = of_project AND x.status = 'open'
$$;

-- Deletes commits up to a revision that has a whole tree, and the whole trees before it, but not what is kept: that needs a
-- whole tree of its own by now. Answers how many commits went.
CREATE FUNCTION prune_commits(target uuid, of_project uuid, upto integer, keep_days integer) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  IF target IS DISTINCT FROM current_workspace() OR keep_days < 7 THEN
    RAISE EXCEPTION 'this may not be pruned' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM 1 FROM project_head WHERE workspace_id = target AND project_id = of_project AND tree_revision >= upto FOR UPDATE;
  IF NOT FOUND OR NOT EXISTS (
    SELECT 1 FROM tree_snapshot WHERE workspace_id = target AND project_id = of_project AND revision = upto) OR EXISTS (
    SELECT 1 FROM "commit" WHERE workspace_id = target AND project_id = of_project AND revision <= upto
       AND created_at > now() - keep_days * interval '1 day') OR EXISTS (
    SELECT 1 FROM kept_revisions(target, of_project) k JOIN "commit" c
        ON c.workspace_id = target AND c.project_id = of_project AND c.revision = k
     WHERE k < upto AND NOT EXISTS (
       SELECT 1 FROM tree_snapshot s WHERE s.workspace_id = target AND s.project_id = of_project AND s.revision = k)) THEN
    RAISE EXCEPTION 'what is left could not be rebuilt' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM set_config('app.erasing', 'yes', true);
  DELETE FROM "commit" WHERE workspace_id = target AND project_id = of_project AND revision <= upto
     AND revision NOT IN (SELECT kept_revisions(target, of_project));
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM tree_snapshot WHERE workspace_id = target AND project_id = of_project AND revision < upto
     AND revision NOT IN (SELECT kept_revisions(target, of_project));
  PERFORM set_config('app.erasing', '', true);
  RETURN gone;
END
$$;
REVOKE ALL ON FUNCTION prune_commits(uuid, uuid, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prune_commits(uuid, uuid, integer, integer) TO sluice_app;

COMMIT;
