"""A stand-in for the Telegram Bot API: checks like the real one, keeps what it got in memory, and shows it."""
