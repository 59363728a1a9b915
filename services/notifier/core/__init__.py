"""Decides; knows no gRPC and no Telegram library."""
