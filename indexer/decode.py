"""The bytes of a file, compressed or not, and the characters that they stand for."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from store.errors import InvalidInput

MAX_BYTES = 2**30  # of a file (or of a line, where lines are read one by one) after decompression: no gzip bomb fits
SAMPLE_BYTES = 2**18  # enough to recognise an encoding by
MAX_CONTROL_SHARE = 0.01  # a text has a stray control character here and there, binary data is full of them

CONTROL = re.compile("[\x00-\x07\x0e-\x1a\x1c-\x1f]")
# What files without a mark are really written in, after the WHATWG Encoding Standard. Left to choose among all that
# Python knows, the guess for a short French text is a Baltic code page of DOS.
# fmt: off
LEGACY = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "iso8859_2",
    "iso8859_5", "iso8859_7", "koi8_r", "koi8_u", "cp874", "cp932", "euc_jp", "iso2022_jp", "cp949", "gb18030",
    "big5", "utf_16_le", "utf_16_be",
]
# fmt: on
NON_ASCII = re.compile("[^\x00-\x7f]")
ESCAPE = b"\x1b"
# In this order: the BOM of UTF-32 LE begins with that of UTF-16 LE.
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def kind(path: Path) -> str:
    """The suffix that tells the file's type, in lower case: ".pdf" for "a.PDF" and for "a.pdf.gz"."""
    return _uncompressed(path).suffix.lower()


def stem(path: Path) -> str:
    """The file's name without its suffixes: the title of a document that states none."""
    return _uncompressed(path).stem


def _uncompressed(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def read(path: Path) -> bytes:
    """The whole file, decompressed.

    Raises:
        InvalidInput: the file cannot be opened, its gzip data is damaged, or it is larger than `MAX_BYTES`.
    """
    with _opened(path) as file:
        return _bounded(path, file.read(MAX_BYTES + 1))


def read_lines(path: Path) -> Iterator[bytes]:
    """The file's lines, decompressed; one at a time is in memory. Raises as `read` does."""
    with _opened(path) as file:
        while line := _bounded(path, file.readline(MAX_BYTES + 1)):
            yield line


def read_text(path: Path) -> str:
    """The whole file as text. Raises as `read` and `decode` do."""
    return decode(path, read(path))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with cast(BinaryIO, gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path}: its gzip data is damaged ({error}); compress the file again") from error
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror or error}); check its path and rights") from error


def _bounded(path: Path, data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{path}: more than {MAX_BYTES:,} bytes after decompression; split it into smaller files")
    return data


def decode(path: Path, data: bytes, declared: str = "") -> str:
    """The text that the bytes stand for, its line ends all "\\n".

    A byte order mark is believed first, then UTF-8 where it fits, then what the file declares, then a guess by
    `charset-normalizer`; a declared ISO-2022 comes before UTF-8. What a chosen encoding has no character for becomes
    U+FFFD.

    Raises:
        InvalidInput: the data is not text in any encoding that can be recognised.
    """
    text = _decode(data, declared)
    sample = "" if text is None else text[:SAMPLE_BYTES]
    if text is None or len(CONTROL.findall(sample)) > MAX_CONTROL_SHARE * len(sample):
        raise InvalidInput(f"{path}: not text, or in an encoding that cannot be recognised; save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, declared: str) -> str | None:
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    # ISO-2022 writes everything in seven bits, behind escapes: each of its texts would pass for UTF-8.
    if not (ESCAPE in data and declared.lower().startswith("iso-2022")):
        with suppress(UnicodeDecodeError):
            return data.decode()
    text = data.decode("utf-8", "replace")
    # A few bad bytes among many good sequences are still UTF-8, which no other encoding resembles by chance.
    if 20 * text.count("\ufffd") < len(NON_ASCII.findall(text)):
        return text
    try:
        return data.decode(declared, "replace")
    except (LookupError, UnicodeError):
        return _guess(data)


def _guess(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    matches = from_bytes(data[:SAMPLE_BYTES], cp_isolation=LEGACY)
    best = matches.best()
    for match in matches:  # a few accented letters fit many code pages alike: then the most used one
        if best and match.encoding == "cp1252" and (match.chaos, -match.coherence) <= (best.chaos, -best.coherence):
            best = match
    return None if best is None else data.decode(best.encoding, "replace")
