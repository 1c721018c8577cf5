"""Locks that survive a fork."""

from __future__ import annotations

import os
import threading
from typing import Any


def shared_lock() -> Any:
    """Make a lock that no thread holds while the process forks: its child could wait for it without end.

    Locks are taken before a fork in the reverse of the order in which they are made, so an inner one is made first.
    """
    lock = threading.RLock()
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
