"""What the services write down is for their own user only: secrets, addresses and captions are in it."""

import os
import stat
from pathlib import Path

from services.queue.service import queue_service
from tests.fakes.gateway_client import gateway_at_hand
from tests.fakes.queue_client import settings_for


async def test_databases_locks_and_their_folder_are_the_owners_only(tmp_path: Path) -> None:
    """Whatever the umask of whoever started them; with what SQLite puts beside."""
    before = os.umask(0o022)
    folder = tmp_path / "var"
    try:
        async with queue_service(settings_for(folder)) as port, gateway_at_hand(folder, port) as admin:
            await admin.submit()
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
            folder_mode = stat.S_IMODE(folder.stat().st_mode)
    finally:
        os.umask(before)

    assert folder_mode == 0o700
    assert {"gateway.db", "gateway.db-wal", "gateway.db-shm", "gateway.db.lock"} <= set(modes)
    assert len(modes) == 8, modes
    assert set(modes.values()) == {0o600}, modes
