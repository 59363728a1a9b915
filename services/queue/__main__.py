"""``python -m services.queue``: the queue as a process."""

from services.chassis.lifecycle import main
from services.queue.config import QueueSettings
from services.queue.service import queue_service

if __name__ == "__main__":
    main("queue", QueueSettings, queue_service)
