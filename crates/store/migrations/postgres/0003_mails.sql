-- More than one mail about an order: reminders, and mails that buyers asked to get later. An
-- experiment's variant is known when the mail has been sent.
ALTER TABLE invitations
  ADD COLUMN kind TEXT NOT NULL DEFAULT 'invitation' CHECK (kind IN ('invitation', 'reminder', 'later')),
  ADD COLUMN variant TEXT;
ALTER TABLE invitations DROP CONSTRAINT invitations_shop_id_order_ref_key;
ALTER TABLE invitations ADD UNIQUE (shop_id, order_ref, kind);

-- What a person was mailed, for the caps. Not before a mail is under way: orders must stay cheap.
CREATE INDEX invitations_mailed ON invitations (recipient_hash) WHERE state IN ('sending', 'sent');

-- What an experiment sent, for its tallies.
CREATE INDEX invitations_tried ON invitations (shop_id, variant) WHERE variant IS NOT NULL;

-- Experiments that have ended, and the variant that stays.
CREATE TABLE experiments (
  shop_id     TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  variant     TEXT    NOT NULL,
  decided_at  BIGINT  NOT NULL,
  PRIMARY KEY (shop_id, name)
);
