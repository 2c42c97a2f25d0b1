-- What buyers read at the checkout, under the hash by which decisions name it: the evidence behind
-- invitations that rest on it. Names nobody.
CREATE TABLE checkout_notices (
  hash           TEXT    NOT NULL PRIMARY KEY,
  text           TEXT    NOT NULL,
  first_used_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
