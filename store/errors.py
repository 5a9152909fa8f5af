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


class Damaged(LectorError):
    """A stored file does not match its checksum, format or counterpart."""


class Unavailable(LectorError):
    """An optional part (a package, a model) that the request needs is not installed or not loaded."""
