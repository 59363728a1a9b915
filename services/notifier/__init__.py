"""The way out: streams a file to the Telegram Bot API."""
