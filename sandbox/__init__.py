"""Stand-ins for a world without Telegram and video sites, and the one-command demo."""
