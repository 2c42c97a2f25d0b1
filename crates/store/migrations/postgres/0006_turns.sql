-- What is due, by shop: shops take turns.
DROP INDEX invitations_due;
CREATE INDEX invitations_due ON invitations (shop_id, due_at, id) WHERE state = 'scheduled';
