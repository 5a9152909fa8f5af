"""The indexing job: what is skipped, replaced, deleted and reported, and what survives an interruption."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.job import Report, index_files
from indexer.sources import covers, find_files
from models.encoder import Encoder
from store.catalog import Catalog
from store.collection import Collection
from store.errors import InvalidInput
from tests.progress import Counting
from tests.rights import rights


@pytest.fixture
def collection(tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    catalog = Catalog(tmp_path / "data", encoder.identity)
    yield catalog.get("default", create=True)
    catalog.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    (folder / "below").mkdir(parents=True)
    (folder / "one.txt").write_text("The first document speaks of apples.", encoding="utf-8")
    (folder / "below" / "two.md").write_text("# Pears\n\nThe second speaks of pears.", encoding="utf-8")
    rows = "id,text,year\na,Plums are blue.,1990\nb,Cherries are red.,2000\n"
    (folder / "rows.csv").write_text(rows, encoding="utf-8")
    (folder / ".hidden.txt").write_text("Nobody reads this.", encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def index(collection: Collection, encoder: Encoder, *paths: Path | str, **how: bool) -> Report:
    return index_files(collection, encoder, find_files([str(path) for path in paths]), Counting(), **how)


def test_a_folder_is_indexed_with_all_that_lies_below_it(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    progress = Counting()
    report = index_files(collection, encoder, find_files([str(folder)]), progress)
    assert (report.indexed, report.documents, report.failed) == (3, 4, {})
    assert (progress.total, progress.finished) == (3, 3)
    assert progress.embedded == report.passages == collection.state().passages
    assert {document.source for document in collection.documents()} == {
        str(folder / name) for name in ("one.txt", "below/two.md", "rows.csv")
    }


def test_passages_lie_in_their_documents_and_are_found(collection: Collection, encoder: Encoder, folder: Path) -> None:
    index(collection, encoder, folder)
    (hit, *_) = collection.search_sparse("cherries", 5)
    passage = collection.passages([hit.number])[hit.number]
    assert passage.text == "Cherries are red."
    assert collection.document_text(passage.document.id)[passage.start : passage.end] == passage.text
    assert passage.document.meta["year"] == 2000
    nearest = collection.search_dense(encoder.encode(["Which fruit is red?"])[0], 1)
    assert [h.number for h in nearest] == [hit.number]


def test_passages_are_embedded_with_their_title_and_the_heading_above_them(
    collection: Collection, encoder: Encoder, tmp_path: Path
) -> None:
    sentences = " ".join(f"The pear number {i} is green and hangs on a branch of its own." for i in range(15))
    (tmp_path / "fruit.md").write_text(f"# Fruit\n\nIt grows on trees.\n\n## Pears\n\n{sentences}", encoding="utf-8")
    index(collection, encoder, tmp_path / "fruit.md")
    numbers = [1, 2, 3]
    texts = [collection.passages(numbers)[number].text for number in numbers]
    assert [text.split()[0] for text in texts] == ["Fruit", "The", "The"]
    expected = encoder.encode(texts, ["Fruit", "Fruit\nPears", "Fruit\nPears"])
    stored = collection.embeddings(numbers)
    assert np.array_equal([stored[number] for number in numbers], expected)


def test_unchanged_files_are_skipped_and_changed_ones_replaced(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    index(collection, encoder, folder)
    generation = collection.state().generation
    again = index(collection, encoder, folder)
    assert (again.indexed, again.unchanged) == (0, 3)
    assert collection.state().generation == generation
    (folder / "one.txt").write_text("Now it speaks of quinces.", encoding="utf-8")
    changed = index(collection, encoder, folder)
    assert (changed.indexed, changed.unchanged) == (1, 2)
    assert collection.search_sparse("apples", 5) == []
    assert len(collection.search_sparse("quinces", 5)) == 1


def test_rows_that_left_a_file_leave_the_collection(collection: Collection, encoder: Encoder, folder: Path) -> None:
    index(collection, encoder, folder)
    (folder / "rows.csv").write_text("id,text\nb,Cherries are red.\n", encoding="utf-8")
    assert index(collection, encoder, folder).deleted == 1
    assert collection.search_sparse("plums", 5) == []


def test_only_the_rows_that_changed_are_written_again(collection: Collection, encoder: Encoder, folder: Path) -> None:
    index(collection, encoder, folder)
    (folder / "rows.csv").write_text(
        "id,text,year\na,Plums are blue.,1990\nb,Cherries are sweet.,2000\n", encoding="utf-8"
    )
    report = index(collection, encoder, folder)
    assert (report.indexed, report.documents, report.deleted) == (1, 1, 0)
    assert collection.search_sparse("red", 5) == []
    assert len(collection.search_sparse("sweet", 5)) == 1


def test_sync_deletes_what_is_gone_below_the_paths_and_nothing_else(
    collection: Collection, encoder: Encoder, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere.txt"
    other.write_text("Elsewhere there are figs.", encoding="utf-8")
    index(collection, encoder, folder, other)
    (folder / "one.txt").unlink()
    other.unlink()
    assert index(collection, encoder, folder).deleted == 0
    assert index(collection, encoder, folder, sync=True).deleted == 1
    assert collection.search_sparse("apples", 5) == []
    assert len(collection.search_sparse("figs", 5)) == 1


def test_a_file_that_cannot_be_read_is_named_and_the_rest_goes_on(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (folder / "empty.txt").write_bytes(b"")
    report = index(collection, encoder, folder)
    assert report.indexed == 3
    assert set(report.failed) == {str(folder / "broken.pdf"), str(folder / "empty.txt")}
    assert all(report.failed.values())


def test_a_file_that_became_unreadable_keeps_its_last_version(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    index(collection, encoder, folder)
    (folder / "one.txt").write_bytes(b"")
    assert list(index(collection, encoder, folder).failed) == [str(folder / "one.txt")]
    assert len(collection.search_sparse("apples", 5)) == 1


@pytest.mark.parametrize(
    "paths", [[""], ["**/*.[mt]*"], ["below", "*.txt"], ["below/two.md", "one.txt"], ["b*/*.md", "*.txt"]]
)
def test_a_folder_that_cannot_be_read_is_named_and_keeps_what_was_indexed_of_it(
    collection: Collection, encoder: Encoder, folder: Path, paths: list[str]
) -> None:
    index(collection, encoder, folder)
    (folder / "one.txt").write_text("Now it speaks of quinces.", encoding="utf-8")
    with rights(folder / "below", 0):
        report = index(collection, encoder, *(folder / path for path in paths), sync=True)
    assert (report.indexed, report.deleted) == (1, 0)
    ((name, reason),) = report.failed.items()
    assert name in (str(folder / "below"), str(folder / "below" / "two.md"))
    assert reason.startswith("cannot be read (Permission denied)")
    assert len(collection.search_sparse("pears", 5)) == len(collection.search_sparse("quinces", 5)) == 1


def test_what_is_gone_from_a_folder_that_cannot_be_listed_stays_until_it_can_be(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    index(collection, encoder, folder)
    (folder / "below" / "two.md").unlink()
    with rights(folder / "below", 0o300):
        assert index(collection, encoder, folder, sync=True).deleted == 0
    assert index(collection, encoder, folder, sync=True).deleted == 1


def test_files_in_a_folder_that_lets_nobody_through_are_named(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    with rights(folder / "below", 0o400):
        for path in (folder, folder / "below" / "*", folder / "**" / "*.md"):
            assert list(index(collection, encoder, path).failed) == [str(folder / "below" / "two.md")]


def test_a_hidden_folder_that_cannot_be_read_is_left_out_as_all_hidden_ones_are(folder: Path) -> None:
    (folder / ".below" / "three").mkdir(parents=True)
    with rights(folder / ".below", 0):
        assert find_files([str(folder), str(folder / "**" / "*.md")]).unreadable == {}


def test_a_file_is_found_by_its_name_in_a_folder_that_cannot_be_listed(folder: Path) -> None:
    with rights(folder / "below", 0o100):
        found = find_files([str(folder / "**" / "two.md")])
    assert found.files == [folder / "below" / "two.md"]
    assert list(found.unreadable) == [folder / "below"]


def test_a_named_file_of_unknown_type_is_reported(collection: Collection, encoder: Encoder, folder: Path) -> None:
    assert list(index(collection, encoder, folder / "picture.png").failed) == [str(folder / "picture.png")]


def test_a_path_that_names_nothing_is_reported_and_the_rest_goes_on(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    nowhere = str(folder / "nowhere" / "*.txt")
    report = index(collection, encoder, nowhere, folder / "one.txt")
    assert (report.indexed, list(report.failed)) == (1, [nowhere])


def test_what_was_indexed_of_a_path_without_any_file_stays_unless_that_is_meant(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    glob = str(folder / "below" / "*.md")
    index(collection, encoder, glob, folder / "one.txt", folder / "rows.csv")
    for name in ("below/two.md", "one.txt", "rows.csv"):
        (folder / name).unlink()
    (folder / "new.txt").write_text("A new text.", encoding="utf-8")
    report = index(collection, encoder, glob, folder / "new.txt", folder / "one.txt", sync=True)
    assert (report.indexed, report.deleted) == (1, 0)
    assert list(report.failed) == [glob, str(folder / "one.txt")]
    assert all("what was indexed, 1, stays" in reason for reason in report.failed.values())
    (folder / "new.txt").unlink()
    report = index(collection, encoder, folder, sync=True)
    assert (report.deleted, list(report.failed)) == (0, [str(folder)])  # as if a disk were not mounted
    report = index(collection, encoder, folder, glob, sync=True, allow_empty=True)
    assert (report.deleted, report.failed, collection.state().documents) == (5, {}, 0)


def test_globs_find_files(folder: Path) -> None:
    assert find_files([str(folder / "**" / "*.md")]).files == [folder / "below" / "two.md"]
    assert covers([str(folder)], str(folder / "below" / "gone.txt"))
    assert not covers([str(folder)], str(folder) + "2/gone.txt")


def test_a_glob_does_not_go_round_in_circles(folder: Path) -> None:
    for i in range(3):
        (folder / "below" / f"up{i}").symlink_to(folder, target_is_directory=True)
    assert find_files([str(folder / "**" / "*.md")]).files == [folder / "below" / "two.md"]
    assert find_files([str(folder / "below" / "up0" / "*.txt")]).files == [folder / "below" / "up0" / "one.txt"]


def test_a_glob_that_is_none_is_an_error(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="put `\\*\\*` between slashes"):
        find_files([str(folder / "**.md")])


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("reports/**/*.md", ("a.md", "x/b.md", "x/y/c.md"), ("a.txt", ".x/b.md", "x/.c.md")),
        ("reports/*", ("a.txt", "x/b.md", "x/y/c.md"), (".a.txt",)),
        ("reports/?.md", ("a.md",), ("ab.md", "x/b.md")),
        ("../reports/**", ("a.md", "x/y/c.md"), ()),
        ("*/[xy]/*.md", ("x/b.md", "y/b.md"), ("z/b.md", "x/y/b.md")),
        ("papers/*.md", (), ("a.md",)),
    ],
)
def test_a_glob_covers_what_it_would_have_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pattern: str,
    covered: tuple[str, ...],
    not_covered: tuple[str, ...],
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here" if pattern.startswith("..") else tmp_path)
    files = {name: tmp_path / "reports" / name for name in (*covered, *not_covered)}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("text", encoding="utf-8")
    if covered:
        assert find_files([pattern]).files == sorted(files[name] for name in covered)
    assert all(covers([pattern], str(files[name])) for name in covered)
    assert not any(covers([pattern], str(files[name])) for name in not_covered)


def test_with_a_glob_what_is_gone_is_deleted_at_any_depth(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    pattern = str(folder / "**" / "*.*")
    index(collection, encoder, pattern)
    (folder / "one.txt").unlink()
    (folder / "below" / "two.md").unlink()
    assert index(collection, encoder, pattern, sync=True).deleted == 2
    assert {Path(document.source).name for document in collection.documents()} == {"rows.csv"}


def test_what_is_still_there_is_not_deleted(collection: Collection, encoder: Encoder, folder: Path) -> None:
    (folder / "linked").symlink_to(folder / "below", target_is_directory=True)
    index(collection, encoder, folder / ".hidden.txt", folder / "linked", folder)
    assert index(collection, encoder, folder, sync=True).deleted == 0
    (folder / ".hidden.txt").unlink()
    assert index(collection, encoder, folder, sync=True).deleted == 1


def test_documents_of_a_file_that_was_never_finished_go_with_it(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    rows = [json.dumps({"text": f"Row {n}."}) for n in range(70)]
    (folder / "rows.jsonl").write_text("\n".join([*rows, "broken"]), encoding="utf-8")
    assert index(collection, encoder, folder).failed
    assert collection.state().documents > 60
    (folder / "rows.jsonl").unlink()
    assert index(collection, encoder, folder, sync=True).deleted == 64
    assert collection.state().documents == 4


def test_a_file_that_a_parser_chokes_on_or_cannot_be_named_ends_nothing(
    collection: Collection, encoder: Encoder, folder: Path
) -> None:
    (folder / "a.html").write_text("<p>x<script>1</script>&#xFFFF; y</p>", encoding="utf-8")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("A text.", encoding="utf-8")
    report = index(collection, encoder, folder)
    assert report.documents >= 4
    failed = {Path(name).name: reason for name, reason in report.failed.items()}
    assert failed["caf\ufffd.txt"] == "its name is not UTF-8; rename it"
    assert "cannot be read (ValueError" in failed["a.html"]


def test_a_file_has_one_name_however_it_is_reached(folder: Path) -> None:
    around = folder / "below" / ".." / "one.txt"
    assert find_files([str(around), str(folder / "one.txt")]).files == [folder / "one.txt"]
    assert covers([str(folder / "below" / "..")], str(folder / "gone.txt"))


def test_a_killed_job_goes_on_where_it_ended(tmp_path: Path, encoder: Encoder) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    rng = random.Random(0)
    words = ["river", "mountain", "bridge", "harbour", "market", "winter", "engine", "letter", "garden", "stone"]
    for number in range(30):
        text = " ".join(f"{' '.join(rng.choices(words, k=8))} {number}." for _ in range(60))
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    rows = [{"id": str(n), "text": f"Row {n} is about {rng.choice(words)}s."} for n in range(300)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    def run(data: Path, kill_after: float | None = None) -> int:
        command = [sys.executable, "-m", "indexer", str(folder), "--data", str(data)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
            if kill_after is not None:
                time.sleep(kill_after)
                os.kill(job.pid, signal.SIGKILL)
            return job.wait()

    def contents(data: Path) -> list[tuple[object, ...]]:
        catalog = Catalog(data, encoder.identity)
        stored = catalog.get("default")
        hits = stored.search_dense(encoder.encode(["Where is the harbour bridge?"])[0], 10**6)
        assert len(hits) == stored.state().passages == len(stored.search_sparse(" ".join([*words, "row"]), 10**6))
        found = stored.passages([hit.number for hit in hits])
        rows = sorted((p.id, p.start, p.end, p.text, p.document.content_hash) for p in found.values())
        catalog.close()
        return list(rows)

    assert run(tmp_path / "undisturbed") == 0
    kills = [run(tmp_path / "killed", kill_after=rng.uniform(0.3, 4)) for _ in range(4)]
    assert run(tmp_path / "killed") == 0
    assert -signal.SIGKILL in kills
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")
