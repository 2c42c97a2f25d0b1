-- When the buyer of an order was forgotten: erased, or not needed any more. What is told about such an
-- order later names nobody either.
ALTER TABLE orders ADD COLUMN forgotten_at BIGINT;

-- What was erased at a person's word: the receipt as it was given. Names nobody.
CREATE TABLE erasures (
  id              TEXT    NOT NULL PRIMARY KEY,
  at              BIGINT  NOT NULL,
  recipient_hash  TEXT    NOT NULL,
  receipt         TEXT    NOT NULL
);

CREATE INDEX erasures_at ON erasures (at);

-- What was mailed to somebody before the order got another address is found by that person, too.
CREATE INDEX former_recipients_by_person ON former_recipients (recipient_hash);

-- What is kept for a time only is found by its age.
CREATE INDEX bounces_at ON bounces (at);
CREATE INDEX suppressions_expiring ON suppressions (expires_at) WHERE expires_at IS NOT NULL;

-- What daemons and the commands beside them delete. The account is there only if the tables have another
-- owner (deploy/postgres/grants.sql).
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'afs_daemon') THEN
    GRANT DELETE ON suppressions, bounces, erasures TO afs_daemon;
  END IF;
END $$;
