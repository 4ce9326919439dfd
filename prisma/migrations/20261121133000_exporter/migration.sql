-- Exports read as a role of their own, which changes nothing. What it may read stands in the data map, and is granted from
-- there after each change of the tables.

BEGIN;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_exporter') THEN
    CREATE ROLE sluice_exporter LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO sluice_exporter;

COMMIT;
