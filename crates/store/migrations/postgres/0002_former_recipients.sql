-- Whom an invitation was mailed to before its order got another address: they hold its links too.
CREATE TABLE former_recipients (
  invitation_id   TEXT NOT NULL,
  recipient_hash  TEXT NOT NULL,
  PRIMARY KEY (invitation_id, recipient_hash)
);
