"""Decides; knows no gRPC, no yt-dlp and no ffmpeg."""
