-- Two accounts for one database: afs_owner makes and changes the tables (`afs migrate`), afs_daemon
-- reads and writes rows, and can delete only what is kept for a time. Run once, in the database `afs` that belongs to
-- afs_owner, before there are tables. ../README.md has the steps.

REVOKE ALL ON DATABASE afs FROM PUBLIC;
GRANT CONNECT ON DATABASE afs TO afs_daemon;

-- Postgres 14 and older let everybody make tables here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO afs_daemon;

ALTER DEFAULT PRIVILEGES FOR ROLE afs_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE ON TABLES TO afs_daemon;
