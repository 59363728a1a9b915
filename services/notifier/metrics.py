"""What a notifier tells of itself."""

from services.chassis.metrics import Counter, Histogram

MESSAGES = Counter(
    "clipferry_notifier_messages_total",
    "Messages by what became of them: SENT, REPLAYED (had been sent before), or the reason why not.",
    ("outcome",),
)
SENT_BYTES = Counter("clipferry_notifier_sent_bytes_total", "Bytes of the files that were sent.")
SEND_SECONDS = Histogram("clipferry_notifier_send_seconds", "How long sent messages took, waits for turns included.")
TURN_SECONDS = Histogram("clipferry_notifier_turn_wait_seconds", "How long messages waited for their turn.")
FLOOD_SECONDS = Counter(
    "clipferry_notifier_flood_seconds_total", "Seconds that Telegram has asked to wait (429), over all chats."
)
