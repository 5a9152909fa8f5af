"""Errors as problem responses (RFC 9457): one table says which error has which status."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.schemas import Problem
from store.errors import Conflict, InvalidInput, LectorError, NotFound, Unavailable

STATUS: dict[type[LectorError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Make every error of this app a problem response."""
    app.add_exception_handler(LectorError, _lector_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def _respond(
    status: HTTPStatus,
    detail: str,
    errors: list[dict[str, object]] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(title=status.phrase, status=status.value, detail=detail, errors=errors)
    return JSONResponse(
        jsonable_encoder(problem, exclude_none=True),
        status_code=status.value,
        media_type="application/problem+json",
        headers=headers,
    )


def _lector_error(request: Request, error: Exception) -> JSONResponse:
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return _respond(status, str(error))
    return _unexpected(request, error)


def _invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors: list[dict[str, object]] = [
        {"where": ".".join(map(str, e["loc"])), "rule": e["msg"]} for e in error.errors()
    ]
    detail = "; ".join(f"{e['where']}: {e['rule']}" for e in errors)
    return _respond(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return _respond(HTTPStatus(error.status_code), str(error.detail), headers=headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _respond(HTTPStatus.INTERNAL_SERVER_ERROR, "The request failed; the server's log says why.")
