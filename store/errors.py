"""The family of errors that Lector raises on purpose.

It stands in the lowest room, because every room raises from it. `app/` maps each class to one HTTP status.
A message says the value, the rule that it broke and the way out.
"""


class LectorError(Exception):
    """Anything that went wrong and that the caller can understand or mend."""


class InvalidInput(LectorError):
    """A value given by the caller breaks a rule."""


class NotFound(LectorError):
    """A collection, document, file or model of that name does not exist."""


class Conflict(LectorError):
    """The request contradicts what is stored, or another writer holds the collection."""


class Duplicate(Conflict):
    """A document of that id is in the collection already, and the caller asked not to replace it."""


class Damaged(LectorError):
    """A stored file does not match its checksum, format or counterpart."""


class Unavailable(LectorError):
    """What the request needs is not there now: an optional part (a package, a model), or room on the disk."""
