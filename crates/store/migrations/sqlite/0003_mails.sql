-- More than one mail about an order: reminders, and mails that buyers asked to get later. An
-- experiment's variant is known when the mail has been sent.
--
-- SQLite changes no constraint of a table that is there, so it is written anew.
CREATE TABLE mails (
  id                TEXT    PRIMARY KEY,
  shop_id           TEXT    NOT NULL,
  order_ref         TEXT    NOT NULL,
  kind              TEXT    NOT NULL CHECK (kind IN ('invitation', 'reminder', 'later')),
  recipient_hash    TEXT    NOT NULL,
  state             TEXT    NOT NULL CHECK (state IN
                      ('scheduled', 'sending', 'sent', 'cancelled', 'suppressed', 'failed')),
  reason            TEXT,
  first_due_at      INTEGER NOT NULL,
  due_at            INTEGER NOT NULL,
  attempt           INTEGER NOT NULL,
  fence             INTEGER NOT NULL,
  lease_until       INTEGER,
  first_attempt_at  INTEGER,
  sent_at           INTEGER,
  request_id        TEXT    NOT NULL,
  variant           TEXT,
  UNIQUE (shop_id, order_ref, kind)
) STRICT, WITHOUT ROWID;

INSERT INTO mails (id, shop_id, order_ref, kind, recipient_hash, state, reason, first_due_at, due_at,
                   attempt, fence, lease_until, first_attempt_at, sent_at, request_id)
SELECT id, shop_id, order_ref, 'invitation', recipient_hash, state, reason, first_due_at, due_at,
       attempt, fence, lease_until, first_attempt_at, sent_at, request_id
FROM invitations;

DROP TABLE invitations;
ALTER TABLE mails RENAME TO invitations;

CREATE INDEX invitations_due ON invitations (due_at, id) WHERE state = 'scheduled';
CREATE INDEX invitations_leased ON invitations (lease_until) WHERE state = 'sending';

-- What a person was mailed, for the caps. Not before a mail is under way: orders must stay cheap.
CREATE INDEX invitations_mailed ON invitations (recipient_hash) WHERE state IN ('sending', 'sent');

-- What an experiment sent, for its tallies.
CREATE INDEX invitations_tried ON invitations (shop_id, variant) WHERE variant IS NOT NULL;

-- Experiments that have ended, and the variant that stays.
CREATE TABLE experiments (
  shop_id     TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  variant     TEXT    NOT NULL,
  decided_at  INTEGER NOT NULL,
  PRIMARY KEY (shop_id, name)
) STRICT, WITHOUT ROWID;
