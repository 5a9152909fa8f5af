"""`python -m indexer`: the same as `lector index`."""

import typer

from indexer.command import index

if __name__ == "__main__":
    typer.run(index)
