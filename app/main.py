"""The HTTP service: its assembly and its life."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from app import problems, routes
from app.state import Service
from models.settings import Settings

DESCRIPTION = "Ask a question, get verbatim spans of your documents, with offsets and a confidence."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service over the collections in `settings.data`; without settings, those of the environment.

    Models are loaded when it starts, and a model that cannot be loaded stops the start. Collections are opened beside
    the first requests; `/ready` tells when all are.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = await asyncio.to_thread(Service.start, settings or Settings.load())
        app.state.service = service
        opening = asyncio.create_task(asyncio.to_thread(service.open_all))
        try:
            yield
        finally:
            await opening
            service.close()

    app = FastAPI(title="Lector", version=version("lector"), description=DESCRIPTION, lifespan=lifespan)
    problems.install(app)
    app.include_router(routes.router)
    return app
