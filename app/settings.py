"""Settings of the HTTP service: those of every program, and where it listens."""

from pydantic import Field

from models.settings import Settings


class ServiceSettings(Settings):
    """`LECTOR_*` variables of `lector serve`."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
