"""Files and folders that cannot be read, also where root runs the tests, whom no rights stop."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = 0x20080522  # of the kernel's interface: two times three words of effective, permitted and inherited ones
PAST_RIGHTS = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@contextmanager
def rights(path: Path, mode: int) -> Iterator[None]:
    """Give a file or folder other rights for as long as the context lasts, and see that they bind this thread."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        with _bound():
            yield
    finally:
        path.chmod(before)


@contextmanager
def _bound() -> Iterator[None]:
    if sys.platform != "linux" or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, words = (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, words) == 0
    before = words[0]
    words[0] &= ~PAST_RIGHTS
    assert libc.capset(header, words) == 0
    try:
        yield
    finally:
        words[0] = before
        assert libc.capset(header, words) == 0
