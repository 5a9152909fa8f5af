"""`lector benchmark store`: what it fills stores with, what it holds for right, and the whole of it at a tiny size."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import cli
from benchmarks.scale.corpus import BLOCK, BUCKETS, COSINE, RARE, Corpus, Passage, perturb, reword, texts_in
from benchmarks.scale.disk import bytes_by_part, forget, remember
from benchmarks.scale.exact import missing, nearest, recall
from benchmarks.scale.plot import plot
from benchmarks.scale.process import run
from benchmarks.scale.run import benchmark_stores, measure
from benchmarks.scale.searching import FILTERS, latency
from benchmarks.scale.steps import Plan, Task
from benchmarks.scale.subjects import MODES, TOP, Filter, Kind, subject
from benchmarks.scale.tables import peer_caption, peer_table, sections, sentence
from store.errors import InvalidInput, NotFound, Unavailable

DIMENSION = 8
WORDS = ["stone", "river", "lamp", "house", "door", "red", "blue", "green", "old", "new", "tall", "small", "bird"]


def made_texts(count: int) -> list[tuple[str, str]]:
    generator = random.Random(1)
    return [(f"Hall {n}", " ".join([f"number{n}", *generator.choices(WORDS, k=30)])) for n in range(count)]


def made_corpus(count: int) -> Corpus:
    vectors = np.random.default_rng(1).standard_normal((count, DIMENSION), dtype=np.float32)
    return Corpus(made_texts(count), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def all_passages(corpus: Corpus, start: int, stop: int) -> list[Passage]:
    return [passage for block in corpus.blocks(start, stop) for passage in block]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """200 passages and 30 questions."""
    passages, questions = tmp_path / "passages.jsonl", tmp_path / "questions.jsonl"
    passages.write_text("".join(json.dumps({"title": t, "text": x}) + "\n" for t, x in made_texts(200)))
    questions.write_text("".join(json.dumps({"question": f"Where is number{n}?"}) + "\n" for n in range(30)))
    return passages, questions


def test_passages_are_the_same_whichever_are_asked_for() -> None:
    corpus = made_corpus(300)
    whole = all_passages(corpus, 0, 2 * BLOCK + 500)
    part = all_passages(corpus, BLOCK - 7, BLOCK + 13)
    assert [passage.number for passage in whole] == list(range(2 * BLOCK + 500))
    assert [passage.text for passage in part] == [passage.text for passage in whole[BLOCK - 7 : BLOCK + 13]]
    assert all((a.vector == b.vector).all() for a, b in zip(part, whole[BLOCK - 7 :], strict=False))
    vectors = np.concatenate([vectors for _, vectors in corpus.vectors(0, len(whole))])
    assert (vectors == np.stack([passage.vector for passage in whole])).all()


def test_the_given_passages_come_first_and_copies_are_near_them() -> None:
    corpus = made_corpus(300)
    passages = all_passages(corpus, 0, 1500)
    assert [(passage.title, passage.text) for passage in passages[:300]] == made_texts(300)
    vectors = np.stack([passage.vector for passage in passages])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosines = (vectors[300:] * vectors[np.arange(300, 1500) % 300]).sum(axis=1)
    assert COSINE[0] - 1e-4 <= cosines.min() < cosines.max() <= COSINE[1] + 1e-4
    assert len({passage.text for passage in passages}) >= 1490


def test_a_reworded_text_keeps_most_words_in_their_order() -> None:
    text = " ".join(f"word{n}" for n in range(1000))
    words = reword(text, "other words", random.Random(1)).split()
    kept = [word for word in words if word.startswith("word") and word != "words"]
    assert 750 < len(kept) < 850
    assert [int(word[4:]) for word in kept] == sorted(int(word[4:]) for word in kept)
    assert 60 < len(words) - len(kept) < 140
    assert reword("", "other", random.Random(1)) == ""


def test_noise_is_drawn_anew_for_each_vector() -> None:
    same = np.tile(np.eye(1, DIMENSION, dtype=np.float32), (50, 1))
    turned = perturb(same, np.random.default_rng(1))
    assert len(np.unique(turned.round(4), axis=0)) == 50


@pytest.mark.parametrize("in_bucket", [False, True])
def test_the_nearest_are_those_of_a_plain_comparison(in_bucket: bool) -> None:
    corpus, size = made_corpus(300), BLOCK + 700
    vectors = np.stack([passage.vector for passage in all_passages(corpus, 0, size)])
    questions = made_corpus(120)._vectors[:110]
    found = nearest(corpus, size, questions, in_bucket)
    for number, question in enumerate(questions):
        scores = vectors @ question
        allowed = [n for n in range(size) if not in_bucket or n % BUCKETS == number % BUCKETS]
        expected = sorted(allowed, key=lambda n: -scores[n])[:TOP]
        assert [n for n in found[number].tolist() if n >= 0] == expected
        assert len(expected) == (17 if in_bucket else TOP)


def test_recall_and_missing_count_what_exists() -> None:
    neighbours = np.array([[1, 2, 3, 4], [5, 6, -1, -1], [7, -1, -1, -1]])
    assert recall([[2, 1, 9], [6, 5]], neighbours) == pytest.approx((0.5 + 1) / 2)
    assert missing([[1, 2, 3], [5], [7, 8]], neighbours) == pytest.approx((1 + 1 + 0) / 3)


def test_filters_keep_the_shares_that_they_are_named_after() -> None:
    metas = [{"bucket": n % BUCKETS, "rare": n % RARE} for n in range(10_000)]
    for name, made in FILTERS.items():
        chosen = made(123, len(metas))
        kept = sum((meta[chosen.field] == chosen.value) == (chosen.operator == "==") for meta in metas)
        assert f"{100 * kept / len(metas):g} %" == name


def test_latency_is_summed_up_by_percentiles() -> None:
    assert latency([float(n) for n in range(100, 0, -1)]) == {"p50": 50.5, "p95": 96.0, "max": 100.0, "n": 100}


@pytest.mark.parametrize("kind", MODES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_every_store_finds_the_same(kind: Kind, tmp_path: Path) -> None:
    """What another process would find: all are written, saved and opened anew."""
    if kind == "faiss-haystack":
        pytest.importorskip("haystack_integrations.document_stores.faiss")
    if kind == "txtai":
        pytest.importorskip("txtai")
    corpus, size = made_corpus(200), 400
    first = subject(kind, tmp_path / "store", DIMENSION)
    first.build(corpus.blocks(0, size))
    first.save()
    store = subject(kind, tmp_path / "store", DIMENSION)
    store.open()
    question = next(corpus.vectors(7, 8))[1][0]
    near = nearest(corpus, size, question[None])[0].tolist()
    assert store.search("dense", "number7", question, None) == near
    few = [number for number in near if number % BUCKETS == 7]
    restricted = store.search("dense", "number7", question, Filter("bucket", "==", 7))
    assert restricted[: len(few)] == few
    assert all(number % BUCKETS == 7 for number in restricted)
    for mode in MODES[kind]:
        assert store.search(mode, "number7", question, None)[0] in (7, 207)
        assert all(n != 7 for n in store.search(mode, "number7", question, Filter("rare", "!=", 7)))
    assert bytes_by_part(tmp_path / "store")["total"] > size * DIMENSION * 4


def test_the_report_has_every_figure(files: tuple[Path, Path], tmp_path: Path) -> None:
    plan = Plan(sizes=(1200,), questions=20, filtered=5, searches=30, openings=1, writes=3, behind=40, seconds=5)
    work = tmp_path / "work"
    report = benchmark_stores(*files, plan, work)
    (store,) = report["stores"]
    assert (store["kind"], store["size"]) == ("lector", 1200)
    assert store["bytes"]["total"] == sum(size for name, size in store["bytes"].items() if name != "total")
    assert store["bytes"].keys() >= {"lector.db", "dense.snapshot", "sparse"}
    assert store["open"].keys() == {"cold", "warm", "behind"}
    assert store["open"]["behind"]["changes"] == 40
    assert store["memory_mb"]["searches"] == 30
    assert store["memory_mb"]["searched"]["now"] >= store["memory_mb"]["before"]["now"] > 1
    assert store["search"].keys() == set(MODES["lector"])
    assert store["search"]["dense"]["recall"] == 1
    assert store["search"]["dense"]["missing_in_filter"] == 0
    for figures in store["search"].values():
        assert figures["latency_ms"]["none"]["n"] == 20
        assert all(figures["latency_ms"][name]["repeated"]["n"] == 5 for name in FILTERS)
    assert store["write_one_ms"]["n"] == 3
    assert not list((work / "stores").iterdir())
    assert "| 1,200 | hybrid |" in sections(report)
    assert "1,200 passages" in sentence(report)
    plot(report, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(work.glob("passages-*.npy"))) == 1


def a_task(tmp_path: Path, kind: Kind) -> Task:
    absent = tmp_path / "absent"
    return Task(
        step="build",
        kind=kind,
        folder=tmp_path / "store",
        size=10,
        dimension=DIMENSION,
        passages=absent,
        vectors=absent,
        questions=absent,
        neighbours=absent,
        plan=Plan(sizes=(10,)),
    )


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="build of lector at 10 passages failed: NotFound: no file"):
        run(a_task(tmp_path, "lector"))


def test_a_peer_that_fails_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    store = measure(a_task(tmp_path, "in-memory"))
    assert "no file" in store["error"]
    assert not (tmp_path / "store").exists()
    report = {"stores": [store], "machine": {}, "questions": {"top": TOP}}
    assert "not measured" in peer_table(report)
    assert "could not be measured: build of in-memory" in peer_caption(report)


def test_files_are_forgotten_and_read_and_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"x" * 5000)
    forget(tmp_path)
    remember(tmp_path)
    assert (tmp_path / "folder" / "file").read_bytes() == b"x" * 5000
    assert bytes_by_part(tmp_path) == {"folder": 5000, "total": 5000}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no passages"),
        ("{", "line 1: not JSON"),
        ('{"text": ""}', "'text' is empty"),
        ("[]", "not a JSON object"),
    ],
)
def test_lines_of_another_form_are_named(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=message):
        texts_in(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        texts_in(tmp_path / "absent.jsonl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "10,x"], "no list of whole numbers"),
        (["--keep"], "--keep keeps the stores"),
        (["--passages", "absent.jsonl"], "no file absent.jsonl"),
        (["--json", "absent/report.json"], "no folder absent"),
    ],
)
def test_mistakes_are_named(files: tuple[Path, Path], arguments: list[str], message: str) -> None:
    passages, questions = files
    given = ["--passages", str(passages), "--questions", str(questions), "--sizes", "10"]
    result = CliRunner().invoke(cli, ["benchmark", "store", *given, *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
