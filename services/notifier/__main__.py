"""``python -m services.notifier``."""

from services.chassis.lifecycle import main
from services.notifier.config import NotifierSettings
from services.notifier.service import notifier_service

if __name__ == "__main__":
    main("notifier", NotifierSettings, notifier_service)
