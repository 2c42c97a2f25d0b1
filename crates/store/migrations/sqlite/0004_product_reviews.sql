-- What buyers think of single products of their order. Written with the review it came with, whose label
-- it shares; `position` is the product's place in the order as it was then.
CREATE TABLE product_reviews (
  review_id  TEXT    NOT NULL,
  position   INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  sku        TEXT,
  gtin       TEXT,
  url        TEXT,
  stars      INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
  body       TEXT    NOT NULL,
  PRIMARY KEY (review_id, position)
) STRICT, WITHOUT ROWID;
