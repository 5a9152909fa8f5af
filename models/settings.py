"""Settings of a process, from `LECTOR_*` environment variables; built once where a program starts, and passed down."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.retrieval import RetrieverName
from store.errors import InvalidInput

PREFIX = "LECTOR_"


class Settings(BaseSettings):
    """Where the data lies, which models, how questions are answered by default, and where the service listens.

    Every program takes all of them, so that one environment serves for all.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data: Path = Field(default=Path("data"), description="directory of the collections")
    encoder: str = Field(default="encoder", description="a shipped encoder's name, or a model's directory")
    reader: str = Field(default="base", description="a shipped reader's name, or a model's directory")
    threads: int = Field(default=0, ge=0, description="cores for the models; 0 takes all that the process may use")
    retriever: RetrieverName = Field(default="hybrid", description="hybrid, sparse or dense")
    passages: int = Field(default=10, ge=1, le=100, description="how many passages are read for a question")
    per_document: int | None = Field(default=None, ge=1, description="of one document, how many passages at most")
    top_k: int = Field(default=3, ge=1, le=50, description="how many answers are returned at most")
    min_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="answers below are withheld; unset: all, if there is an answer more likely than not",
    )
    budget_ms: float | None = Field(
        default=None, gt=0, description="milliseconds after which no further passage of a question is read"
    )
    early_exit: bool = Field(
        default=False, description="stop reading once no passage that is left can change the first answer"
    )
    cache: int = Field(default=1000, ge=0, description="how many answered questions are kept in memory; 0: none")
    host: str = Field(default="127.0.0.1", min_length=1, description="address that `lector serve` listens on")
    port: int = Field(default=8000, ge=0, le=65535, description="port that it listens on; 0 takes a free one")

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Settings from the environment, with `overrides` that are not None put over them.

        Raises:
            InvalidInput: a variable is unknown, or its value breaks a rule; all of them are named.
        """
        known = {PREFIX + name.upper() for name in cls.model_fields}
        unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
        if unknown:
            raise InvalidInput(f"unknown settings {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        try:
            return cls(**{name: value for name, value in overrides.items() if value is not None})
        except ValidationError as error:
            rules = "; ".join(
                f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()
            )
            raise InvalidInput(f"invalid settings: {rules}") from error
