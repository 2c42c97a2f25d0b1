-- Times are milliseconds since 1970-01-01 UTC. Keys begin with what comes in order, so that a busy
-- shop appends instead of scattering.

CREATE TABLE shops (
  id        TEXT PRIMARY KEY,
  platform  TEXT NOT NULL,
  name      TEXT NOT NULL
);

-- Each event of a webhook once, whatever is delivered again, and why its order was, or was not,
-- invited.
CREATE TABLE webhook_deliveries (
  shop_id      TEXT    NOT NULL,
  order_ref    TEXT    NOT NULL,
  change       TEXT    NOT NULL,
  event_key    TEXT    NOT NULL,
  request_id   TEXT    NOT NULL,
  received_at  BIGINT NOT NULL,
  decision     TEXT    NOT NULL,
  PRIMARY KEY (shop_id, order_ref, change, event_key)
);

-- An undone order without details is a tombstone: its cancel came first.
CREATE TABLE orders (
  shop_id     TEXT    NOT NULL,
  order_ref   TEXT    NOT NULL,
  version     BIGINT NOT NULL,
  status      TEXT    NOT NULL CHECK (status IN ('completed', 'cancelled', 'refunded')),
  changed_at  BIGINT NOT NULL,
  details     TEXT    NOT NULL,
  PRIMARY KEY (shop_id, order_ref)
);

CREATE TABLE invitations (
  id                TEXT    PRIMARY KEY,
  shop_id           TEXT    NOT NULL,
  order_ref         TEXT    NOT NULL,
  recipient_hash    TEXT    NOT NULL,
  state             TEXT    NOT NULL CHECK (state IN
                      ('scheduled', 'sending', 'sent', 'cancelled', 'suppressed', 'failed')),
  reason            TEXT,
  first_due_at      BIGINT NOT NULL,
  due_at            BIGINT NOT NULL,
  attempt           BIGINT NOT NULL,
  fence             BIGINT NOT NULL,
  lease_until       BIGINT,
  first_attempt_at  BIGINT,
  sent_at           BIGINT,
  request_id        TEXT    NOT NULL,
  UNIQUE (shop_id, order_ref)
);

CREATE INDEX invitations_due ON invitations (due_at, id) WHERE state = 'scheduled';
CREATE INDEX invitations_leased ON invitations (lease_until) WHERE state = 'sending';

-- One row per attempt to mail an invitation.
CREATE TABLE mail_deliveries (
  invitation_id  TEXT    NOT NULL,
  fence          BIGINT NOT NULL,
  at             BIGINT NOT NULL,
  outcome        TEXT    NOT NULL,
  detail         TEXT    NOT NULL,
  PRIMARY KEY (invitation_id, fence)
);

CREATE INDEX mail_deliveries_failed ON mail_deliveries (at) WHERE outcome <> 'sent';

CREATE TABLE reviews (
  id             TEXT    PRIMARY KEY,
  shop_id        TEXT    NOT NULL,
  invitation_id  TEXT    UNIQUE,
  stars          BIGINT NOT NULL CHECK (stars BETWEEN 1 AND 5),
  title          TEXT    NOT NULL,
  body           TEXT    NOT NULL,
  display_name   TEXT    NOT NULL,
  label          TEXT    NOT NULL CHECK (label IN ('organic', 'pending', 'verified', 'refused')),
  evidence       TEXT,
  submitted_at   BIGINT NOT NULL,
  labelled_at    BIGINT,
  CHECK ((label = 'organic') = (invitation_id IS NULL)),
  CHECK (label <> 'verified' OR evidence IS NOT NULL)
);

CREATE INDEX reviews_pending ON reviews (submitted_at) WHERE label = 'pending';

-- Keyed hashes of addresses that want no mail. `scope` is a shop, or '*' for all of the operator's.
CREATE TABLE suppressions (
  recipient_hash  TEXT    NOT NULL,
  scope           TEXT    NOT NULL,
  reason          TEXT    NOT NULL,
  created_at      BIGINT NOT NULL,
  PRIMARY KEY (recipient_hash, scope)
);

-- Whom an invitation was mailed to before its order got another address: they hold its links too.
CREATE TABLE former_recipients (
  invitation_id   TEXT NOT NULL,
  recipient_hash  TEXT NOT NULL,
  PRIMARY KEY (invitation_id, recipient_hash)
);
