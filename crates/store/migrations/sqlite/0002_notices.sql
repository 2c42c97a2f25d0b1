-- Orders that a platform only pointed to: it has to be asked what happened to them. A row leaves when
-- the platform has answered.
CREATE TABLE notices (
  id            TEXT    PRIMARY KEY,
  shop_id       TEXT    NOT NULL,
  order_ref     TEXT    NOT NULL,
  told          TEXT,
  state         TEXT    NOT NULL CHECK (state IN ('waiting', 'failed')),
  error         TEXT,
  first_due_at  INTEGER NOT NULL,
  due_at        INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  fence         INTEGER NOT NULL,
  request_id    TEXT    NOT NULL,
  UNIQUE (shop_id, order_ref)
) STRICT, WITHOUT ROWID;

CREATE INDEX notices_due ON notices (due_at, id) WHERE state = 'waiting';
CREATE INDEX notices_failed ON notices (first_due_at) WHERE state = 'failed';

-- Genuine webhooks that we could not read, whole, until a newer version can. Full of personal data: a
-- row leaves when it was read, or after some months.
CREATE TABLE unread_webhooks (
  id           TEXT    PRIMARY KEY,
  shop_id      TEXT    NOT NULL,
  request_id   TEXT    NOT NULL,
  received_at  INTEGER NOT NULL,
  headers      TEXT    NOT NULL,
  body         TEXT    NOT NULL,
  path         TEXT    NOT NULL,
  detail       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX unread_webhooks_by_shop ON unread_webhooks (shop_id, received_at);
CREATE INDEX unread_webhooks_received ON unread_webhooks (received_at);
