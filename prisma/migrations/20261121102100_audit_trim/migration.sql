-- What was trimmed is told from what was cut off by the time that its seal was signed with.

BEGIN;

CREATE OR REPLACE FUNCTION trim_audit(target uuid, keep_days integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  last integer;
  gone bigint;
BEGIN
  IF target IS DISTINCT FROM current_workspace() OR keep_days < 7 THEN
    RAISE EXCEPTION 'this may not be trimmed' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT max(seq) INTO last FROM audit_seal WHERE workspace_id = target AND at < now() - keep_days * interval '1 day';
  IF last IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM set_config('app.erasing', 'yes', true);
  DELETE FROM audit_entry WHERE workspace_id = target AND seq <= last;
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM audit_seal WHERE workspace_id = target AND seq < last;
  PERFORM set_config('app.erasing', '', true);
  RETURN gone;
END
$$;

COMMIT;
