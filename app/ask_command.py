"""`lector ask`: a question without a server."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from store.errors import LectorError

if TYPE_CHECKING:
    from app.schemas import AskResponse

AROUND = 80  # characters of context shown on each side of an answer


def ask(
    question: Annotated[str, typer.Argument(help="The question, in words.")],
    collection: Annotated[str, typer.Option(help="The collection to ask.")] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print what the HTTP service would return.")] = False,
    top_k: Annotated[int | None, typer.Option(help="Answers at most (LECTOR_TOP_K).")] = None,
    passages: Annotated[int | None, typer.Option(help="Passages to read (LECTOR_PASSAGES).")] = None,
    retriever: Annotated[str | None, typer.Option(help="hybrid, sparse or dense (LECTOR_RETRIEVER).")] = None,
    per_document: Annotated[
        int | None, typer.Option(help="Passages of one document at most (LECTOR_PER_DOCUMENT).")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(help="Withhold answers below (LECTOR_MIN_CONFIDENCE).")
    ] = None,
    budget_ms: Annotated[float | None, typer.Option(help="Milliseconds of reading (LECTOR_BUDGET_MS).")] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the collections (LECTOR_DATA).")] = None,
) -> None:
    """Answer a question from a collection; exits with 1 where there is no answer."""
    from app.schemas import AskResponse
    from models.pipeline import QuestionAnswerer
    from models.settings import Settings
    from store.catalog import Catalog

    try:
        settings = Settings.load(
            data=data,
            top_k=top_k,
            passages=passages,
            retriever=retriever,
            per_document=per_document,
            min_confidence=min_confidence,
            budget_ms=budget_ms,
        )
        answerer = QuestionAnswerer.load(settings)
        catalog = Catalog(settings.data, answerer.encoder.identity)
        try:
            outcome = answerer.ask(catalog.get(collection), question)
        finally:
            catalog.close()
    except LectorError as error:
        typer.secho(f"lector ask: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    response = AskResponse.of(outcome, collection, answerer.name)
    if as_json:
        typer.echo(response.model_dump_json(indent=1).encode())  # JSON is UTF-8, whatever the terminal's encoding
    else:
        text = _in_words(response, settings.min_confidence)
        typer.echo(text.encode(sys.stdout.encoding, "replace").decode(sys.stdout.encoding))
    if not response.answered:
        raise typer.Exit(1)


def _in_words(response: "AskResponse", min_confidence: float | None) -> str:
    if not response.answered:
        if min_confidence is not None:
            return f"No answer of at least {min_confidence:.0%}."
        return f"No answer (probability that there is none: {response.no_answer_confidence:.0%})."
    lines = []
    for answer in response.answers:
        place = f"{answer.document.title} [{answer.start}:{answer.end}]"
        page = f", page {answer.page}" if answer.page else ""
        lines += [f"{answer.confidence:4.0%}  {answer.answer}", f"      {place}{page}  {answer.document.source}"]
        begin, end = answer.start - answer.context.start, answer.end - answer.context.start
        before, after = answer.context.text[:begin][-AROUND:], answer.context.text[end:][:AROUND]
        lines.append(f"      ...{' '.join(f'{before}[{answer.answer}]{after}'.split())}...")
    return "\n".join(lines)
