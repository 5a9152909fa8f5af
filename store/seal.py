"""Whether a tantivy folder is as tantivy left it: tantivy itself does not look when it opens one.

Each file of a segment ends in a footer with the CRC-32 of the rest, which tantivy writes and never reads. The list of
the segments, `meta.json`, has none; its checksum lies beside it, in a file of ours that is written after each commit.
"""

import json
import os
import struct
import zlib
from pathlib import Path

_SEAL = "meta.crc32"
_FOOTER_MAGIC = 1337
_AT_ONCE = 2**24  # bytes


def write(folder: Path) -> None:
    """Note the checksum of the folder's list of segments."""
    checksum = _checksum_of_list(folder)
    if (folder / _SEAL).is_file() and (folder / _SEAL).read_bytes() == checksum:
        return
    temporary = folder / f".{_SEAL}.tmp"
    with temporary.open("wb") as file:
        file.write(checksum)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / _SEAL)


def check(folder: Path) -> None:
    """Compare every file that the index reads with its checksum.

    Raises:
        ValueError: one is missing, or differs. A commit at the same moment looks like that, too.
    """
    try:
        if (folder / _SEAL).read_bytes() != _checksum_of_list(folder):
            raise ValueError(f"{folder / 'meta.json'} does not match its checksum")
        for segment in json.loads((folder / "meta.json").read_bytes())["segments"]:
            name = segment["segment_id"].replace("-", "")
            deletes = segment["deletes"]
            current = f"{name}.{deletes['opstamp']}.del" if deletes else ""
            for path in folder.glob(f"{name}.*"):
                if path.suffix != ".del" or path.name == current:
                    _check_footer(path)
    except (OSError, KeyError, TypeError, struct.error) as error:
        raise ValueError(f"{folder} cannot be read ({error})") from error


def _checksum_of_list(folder: Path) -> bytes:
    return b"%08x" % zlib.crc32((folder / "meta.json").read_bytes())


def _check_footer(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - 8, 0))
        length, magic = struct.unpack("<II", file.read())
        if magic != _FOOTER_MAGIC or length > size - 8:
            raise ValueError(f"{path} does not end as tantivy's files do")
        file.seek(size - 8 - length)
        expected = json.loads(file.read(length))["crc"]
        file.seek(0)
        checksum, left = 0, size - 8 - length
        while chunk := file.read(min(_AT_ONCE, left)):
            checksum, left = zlib.crc32(chunk, checksum), left - len(chunk)
    if checksum != expected:
        raise ValueError(f"{path} does not match its checksum")
