"""What the service holds while it runs."""

import logging
from typing import Annotated

from fastapi import Depends, Request

from models.pipeline import QuestionAnswerer
from models.settings import Settings
from store.catalog import Catalog
from store.errors import LectorError

_log = logging.getLogger(__name__)


class Service:
    """The models and the collections."""

    def __init__(self, settings: Settings, answerer: QuestionAnswerer) -> None:
        self.settings = settings
        self.answerer = answerer
        self.catalog = Catalog(settings.data, answerer.encoder.identity)
        # Collections that failed to open, with the reason; None until all have been tried.
        self.unopened: dict[str, str] | None = None

    @classmethod
    def start(cls, settings: Settings) -> "Service":
        return cls(settings, QuestionAnswerer.load(settings))

    def open_all(self) -> None:
        """Open every collection; one that fails is logged and named by `/ready`, and does not hold up the others."""
        failed = {}
        for name in self.catalog.names():
            try:
                self.catalog.get(name)
            except Exception as error:  # whatever it is: the others are to be served
                failed[name] = str(error)
                if failed[name] != (self.unopened or {}).get(name):
                    unexpected = None if isinstance(error, LectorError) else error
                    _log.error("collection %s cannot be opened: %s", name, error, exc_info=unexpected)
        self.unopened = failed

    def close(self) -> None:
        self.catalog.close()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]
