"""An encoder by itself over a source's corpus: which passages it is tried on, and what counts as found."""

import pytest

from models.encoder import Encoder
from models.evaluation.dense import Trial
from models.evaluation.judgements import Judgements, Query, Text
from tests.models.judged_files import PLANETS

pytest.importorskip("ir_measures")

CORPUS = tuple(Text(id_, text, title) for id_, (title, text) in PLANETS.items())


def test_what_is_relevant_is_among_however_few_passages() -> None:
    by_id = Query("q", "What is known for its rings?", {"saturn": 1})
    by_answer = Query("q", "What is known for its rings?", answers=("rings of ice",))
    for trial in (
        Trial.of(Judgements((by_id,), ("document",), CORPUS), passages=1),
        Trial.of(Judgements((by_answer,), ("answer",), CORPUS), passages=1),
    ):
        assert "saturn" in {text.id for text in trial.corpus}
        assert len(trial.corpus) == 2


def test_a_question_that_is_a_document_does_not_find_itself(encoder: Encoder) -> None:
    asked = Query("mars", PLANETS["mars"][1], {"jupiter": 1}, left_out=("mars",))
    others = [text for text in CORPUS if text.id != "mars"]
    found = Trial((asked,), CORPUS, "document").measure(encoder)
    assert found == Trial((asked,), others, "document").measure(encoder)
    assert (
        found["ndcg@10"]
        > Trial((Query("q", asked.text, asked.relevant),), CORPUS, "document").measure(encoder)["ndcg@10"]
    )
