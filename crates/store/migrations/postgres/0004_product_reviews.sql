-- What buyers think of single products of their order. Written with the review it came with, whose label
-- it shares; `position` is the product's place in the order as it was then.
CREATE TABLE product_reviews (
  review_id  TEXT    NOT NULL,
  position   BIGINT  NOT NULL,
  name       TEXT    NOT NULL,
  sku        TEXT,
  gtin       TEXT,
  url        TEXT,
  stars      BIGINT  NOT NULL CHECK (stars BETWEEN 1 AND 5),
  body       TEXT    NOT NULL,
  PRIMARY KEY (review_id, position)
);

-- What daemons delete: what was answered, what was read, what a buyer wants erased. The account is there
-- only if the tables have another owner (deploy/postgres/grants.sql).
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'afs_daemon') THEN
    GRANT DELETE ON notices, unread_webhooks, product_reviews TO afs_daemon;
  END IF;
END $$;
