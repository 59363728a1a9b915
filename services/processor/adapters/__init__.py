"""What touches the world: yt-dlp, ffmpeg, the network, the other services."""
