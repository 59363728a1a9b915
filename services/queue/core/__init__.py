"""Decides; knows no gRPC and no SQL."""
