-- What became of mails after a mail server had taken them. `key` is the source's name for the event:
-- what is told twice counts once. Names nobody.
CREATE TABLE bounces (
  key             TEXT    NOT NULL PRIMARY KEY,
  kind            TEXT    NOT NULL,
  at              INTEGER NOT NULL,
  recipient_hash  TEXT    NOT NULL,
  invitation_id   TEXT,
  shop_id         TEXT,
  status          TEXT,
  detail          TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX bounces_of_recipient ON bounces (recipient_hash, at);
CREATE INDEX bounces_of_shop ON bounces (shop_id, at);

-- Shops whose mail rests, and those that did: complaints from before the end of a pause do not count.
CREATE TABLE pauses (
  shop_id     TEXT    NOT NULL PRIMARY KEY,
  reason      TEXT    NOT NULL,
  since       INTEGER NOT NULL,
  resumed_at  INTEGER
) STRICT, WITHOUT ROWID;

-- How much a shop sent lately, which its complaints are held against.
CREATE INDEX invitations_sent ON invitations (shop_id, sent_at) WHERE sent_at IS NOT NULL;

-- Until when a suppression holds; for ever without.
ALTER TABLE suppressions ADD COLUMN expires_at INTEGER;
