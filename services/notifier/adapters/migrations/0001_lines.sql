-- What the notifiers of one bot know together.
CREATE TABLE notifier.meta (
  schema_version integer NOT NULL
);

-- Unlogged: after a crash of the database nothing of it is true any more. It may be there already: releases before
-- there was a number of the schema made it at every start.
CREATE UNLOGGED TABLE IF NOT EXISTS notifier.lines (
  name text PRIMARY KEY, -- the bot's id, alone for the line of all its messages, or with a chat
  free_at timestamptz NOT NULL -- when the next message may go
);

-- Takes a turn in a chat's line and in that of all; returns 0, or the seconds until both are free: then none is taken.
-- Always the chat's line first, so that nobody waits in a circle, and the one of all is held for as short as can be.
CREATE OR REPLACE FUNCTION notifier.claim(
  chat_line text, chat_distance_s double precision, all_line text, all_distance_s double precision
) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
  chat_free_at timestamptz;
  all_free_at timestamptz;
  at timestamptz;
BEGIN
  INSERT INTO notifier.lines VALUES (chat_line, '-infinity'), (all_line, '-infinity') ON CONFLICT DO NOTHING;
  SELECT free_at INTO chat_free_at FROM notifier.lines WHERE name = chat_line FOR UPDATE;
  at := clock_timestamp();
  IF chat_free_at > at THEN
    RETURN extract(epoch FROM chat_free_at - at);
  END IF;
  SELECT free_at INTO all_free_at FROM notifier.lines WHERE name = all_line FOR UPDATE;
  at := clock_timestamp();
  IF all_free_at > at THEN
    RETURN extract(epoch FROM all_free_at - at);
  END IF;
  UPDATE notifier.lines SET free_at = at + make_interval(secs => chat_distance_s) WHERE name = chat_line;
  UPDATE notifier.lines SET free_at = at + make_interval(secs => all_distance_s) WHERE name = all_line;
  RETURN 0;
END $$;

INSERT INTO notifier.meta VALUES (1);
