"""Who is calling: keys, pairing codes, tokens."""
