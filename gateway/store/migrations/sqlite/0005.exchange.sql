-- Nothing: what gateways tell each other is in PostgreSQL only. The number is the same for both.
UPDATE marks SET version = 5 WHERE topic = 'schema';
