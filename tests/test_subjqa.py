"""The SubjQA example on a made table of three products."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("torch")

from examples.subjqa.__main__ import main
from examples.subjqa.data import queries, questions, read_pairs, texts, write_squad
from examples.subjqa.retriever import ALL_REVIEWS, TEST_REVIEWS, measure_retrievers, with_unanswerable
from models.encoder import Encoder
from models.evaluation.squad import read_squad
from store.errors import InvalidInput, NotFound
from tests.models.tiny import save_tiny_reader

pytestmark = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)

COLUMNS = ("item_id", "question", "q_review_id", "review_id", "review", "human_ans_spans", "human_ans_indices")
NONE = "ANSWERNOTFOUND"
BASS = "How is the bass?"
# item, question, pair, review's id, review, and what each annotator marked
TEST = [
    ("phones", BASS, "p1", "r1", "Café quality: the bass is deep and warm.", ["the bass is deep", "deep and warm"]),
    ("phones", BASS, "p2", "r2", "They broke after a week, so I sent them back.", [NONE]),
    ("phones", "How is the fit?", "p3", "r3", "They sit well on my ears.", [NONE, "They sit well"]),
    ("keyboard", "Is it loud?", "p4", "r4", "The keys are quiet at night. I like it.", ["The keys are quiet"]),
    ("keyboard", "Is it big?", "p5", "r5", "My desk is small and it fits.", [NONE]),
]
TRAIN = [("phones", BASS, "p6", "r6", "The bass is weak, as I feared.", ["The bass is weak"])]
DEV = [("lamp", "Is it bright?", "p7", "r7", "It lights the whole room.", ["lights the whole room"])]


def write_table(path: Path, pairs: list[tuple[str, str, str, str, str, list[str]]]) -> Path:
    """A row for each annotator, with the word that the set puts behind each review, and where each span lies."""
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for *columns, review, marked in pairs:
            review = f"{review} {NONE}"
            for span in marked:
                start = review.index(span)
                table.writerow([*columns, review, span, (start, start + len(span))])
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split, pairs in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        write_table(tmp_path / f"{split}.csv.gz", pairs)
    return tmp_path


def test_a_pair_has_the_answers_of_its_annotators_unless_the_first_saw_none(data: Path) -> None:
    pairs = {pair.id: pair for pair in read_pairs(data, "test")}
    assert pairs["p1"].answers == ((14, "the bass is deep"), (26, "deep and warm"))
    assert pairs["p3"].answers == ()
    assert pairs["p3"].any_answers == ((0, "They sit well"),)
    assert pairs["p2"].review == "They broke after a week, so I sent them back."


def test_spans_are_the_words_that_stand_there_however_they_were_written_down(data: Path) -> None:
    path = data / "test.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace(",The keys are quiet,", ",The keys are - quiet,").encode()))
    assert read_pairs(data, "test")[3].answers == ((0, "The keys are quiet"),)


def test_a_span_marked_up_to_the_word_behind_the_review_ends_with_its_own_words(data: Path) -> None:
    path = data / "test.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    to_the_end = f'"The keys are quiet {NONE}","(0, 54)"'
    path.write_bytes(gzip.compress(text.replace('The keys are quiet,"(0, 18)"', to_the_end).encode()))
    assert read_pairs(data, "test")[3].answers == ((0, "The keys are quiet"),)


@pytest.mark.parametrize("place", ["nowhere", "(900, 910)", "(1, 2, 3)"])
def test_a_place_that_is_none_is_named_with_its_line(data: Path, place: str) -> None:
    path = data / "dev.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace("(3, 24)", place).encode()))
    with pytest.raises(InvalidInput, match=r"dev\.csv\.gz, line 2"):
        read_pairs(data, "dev")


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"train\.csv"):
        read_pairs(tmp_path, "train")


def test_a_question_of_a_product_is_asked_once_with_what_all_its_pairs_know(data: Path) -> None:
    pairs = read_pairs(data, "test")
    bass, fit, *_ = queries(pairs)
    assert (bass.text, bass.relevant, bass.answers) == (BASS, {"r1": 1}, ("the bass is deep", "deep and warm"))
    assert bass.filters == {"field": "meta.item_id", "operator": "==", "value": "phones"}
    assert not fit.relevant
    assert queries(pairs, everyone=True)[1].relevant == {"r3": 1}
    assert [text.id for text in texts(pairs)] == ["r1", "r2", "r3", "r4", "r5"]


def test_the_squad_file_reads_back_as_the_same_questions(data: Path) -> None:
    pairs = read_pairs(data, "test")
    write_squad(pairs, data / "test.json")
    assert read_squad(data / "test.json") == questions(pairs)


def test_unanswerable_questions_count_as_found_in_the_published_counting() -> None:
    recall: dict[str, Any] = {"sparse": {"recall@1": 0.5, "intervals": {"recall@1": [0.25, 0.75]}}}
    moved = with_unanswerable(recall, answered=4, asked=10)
    assert moved == {"sparse": {"recall@1": 0.8, "intervals": {"recall@1": [0.7, 0.9]}}}


def test_retrievers_look_only_at_the_products_own_reviews_of_the_split(data: Path, encoder: Encoder) -> None:
    splits = {split: read_pairs(data, split) for split in ("train", "dev", "test")}
    found = measure_retrievers(splits, encoder, data / "index")
    counts = {counting: (of_one["questions"], of_one["reviews"]) for counting, of_one in found.items()}
    assert counts == {"published": (4, 5), "answered": (2, 5), "harder": (3, 7)}
    assert found["answered"]["retrievers"]["hybrid"]["recall@3"] == 1  # of three phone reviews, and two of a keyboard
    assert found["published"]["retrievers"]["sparse"]["recall@20"] == 0.75  # no word of "Is it loud?" is in a review
    assert found["harder"]["retrievers"]["dense"]["recall@20"] == 1
    names = {folder.name.rpartition("-")[0] for folder in (data / "index").iterdir() if folder.is_dir()}
    assert names == {TEST_REVIEWS, ALL_REVIEWS}


def test_the_example_runs_from_tables_to_pictures_and_trains_once(data: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    training = [f'base = "{save_tiny_reader(tmp_path / "tiny")}"', "max_length = 64", "doc_stride = 32"]
    (work / "reader.toml").write_text(
        "\n".join([*training, "[[train]]", 'file = "train.json"', 'licence = "none"']), encoding="utf-8"
    )
    app = typer.Typer()
    app.command()(main)
    options = ["--data", str(data), "--work", str(work), "--threads", "1"]
    first = CliRunner().invoke(app, [*options, "--json", str(tmp_path / "figures.json"), "--plots", str(tmp_path)])
    assert first.exit_code == 0, first.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["fine-tune"]["windows"] == 1
    assert figures["reader"]["shipped"]["test"]["n"] == 2
    assert figures["pipeline"]["shipped"]["top_3"]["f1"] >= figures["pipeline"]["shipped"]["top_1"]["f1"] > 0
    for name in ("subjqa-recall.png", "subjqa-answers.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

    (card,) = work.glob("run-*/reader/card.json")
    trained = card.stat().st_mtime_ns
    again = CliRunner().invoke(app, [*options, "--steps", "fine-tune"])
    assert again.exit_code == 0, again.output
    assert card.stat().st_mtime_ns == trained
    assert "hybrid" in again.output  # what was measured before is shown again


def test_an_unknown_step_is_named(data: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(app, ["--data", str(data), "--work", str(tmp_path), "--steps", "reader,dance"])
    assert result.exit_code == 2
    assert "there is no step dance" in result.output
