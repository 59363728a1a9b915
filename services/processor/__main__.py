"""``python -m services.processor``."""

from services.chassis.lifecycle import main
from services.processor.config import ProcessorSettings
from services.processor.service import processor_service

if __name__ == "__main__":
    main("processor", ProcessorSettings, processor_service)
