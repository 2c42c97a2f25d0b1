-- What buyers read at the checkout, under the hash by which decisions name it: the evidence behind
-- invitations that rest on it. Names nobody.
CREATE TABLE checkout_notices (
  hash           TEXT   NOT NULL PRIMARY KEY,
  text           TEXT   NOT NULL,
  first_used_at  BIGINT NOT NULL
);

-- Who said stop may take it back. The account is there only if the tables have another owner
-- (deploy/postgres/grants.sql).
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'afs_daemon') THEN
    GRANT DELETE ON suppressions TO afs_daemon;
  END IF;
END $$;
