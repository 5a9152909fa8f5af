"""`lector evaluate retriever` over Haystack's retrievers: their ids, their parameters, their stores."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():  # haystack imports torch and transformers where they are installed
    warnings.simplefilter("ignore")
    import tests.models.retrievers  # noqa: F401

from tests.models.evaluating import run
from tests.models.judged_files import write_beir, write_jsonl, write_subjqa

pytest.importorskip("ir_measures")

FIXED, RINGS = (f"tests.models.retrievers:{name}" for name in ("Fixed", "Rings"))


def test_a_haystack_retriever_is_judged_by_the_ids_of_its_documents(
    tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    folder = write_beir(tmp_path / "planets")
    rows = tmp_path / "questions.jsonl"
    found = report(folder, "--retrievers", RINGS, "--at", "1,2,3,4,5", "--per-question", rows)["retrievers"][RINGS]
    # It brings mercury, saturn, mars, jupiter, venus; relevant are saturn, mars and jupiter, venus.
    assert [found[f"hit@{k}"] for k in range(1, 6)] == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3, 1], abs=1e-4)
    assert [found[f"recall@{k}"] for k in range(1, 6)] == pytest.approx([0, 1 / 3, 1 / 2, 2 / 3, 1], abs=1e-4)
    assert found["mrr"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 5) / 3, abs=1e-4)
    assert found["map"] == pytest.approx((1 / 2 + (1 / 3 + 2 / 4) / 2 + 1 / 5) / 3, abs=1e-4)
    questions = [json.loads(line)["retrievers"][RINGS] for line in rows.read_text("utf-8").splitlines()]
    assert [question["first_relevant"] for question in questions] == [2, 3, 5]


def test_parameters_of_haystack_retrievers(tmp_path: Path, report: Callable[..., dict[str, Any]]) -> None:
    folder = write_beir(tmp_path / "planets")
    config = tmp_path / "parameters.yaml"
    config.write_text("ids: [saturn, mars, venus]\n", "utf-8")
    found = report(folder, "--retrievers", FIXED, "--retriever-config", config, "--at", "1")
    assert found["retrievers"][FIXED]["hit@1"] == pytest.approx(1 / 3, abs=1e-4)
    assert "collection" not in found["corpus"]
    each = tmp_path / "parameters.json"
    each.write_text(json.dumps({FIXED: {"ids": ["venus"]}, RINGS: {}}), "utf-8")
    both = report(folder, "--retrievers", f"{RINGS},{FIXED}", "--retriever-config", each, "--at", "1")
    assert list(both["significance"]) == [f"{FIXED} vs {RINGS}"]
    assert both["retrievers"][RINGS]["hit@1"] == 0
    assert both["significance"][f"{FIXED} vs {RINGS}"]["hit@1"] == {
        "difference": pytest.approx(1 / 3, abs=1e-4),
        "p": 1,
    }


@pytest.mark.parametrize(
    ("entry", "reason"),
    [("", "cannot be made with the parameters {}"), (" [1]", "stands [1]; it has to map names of parameters")],
)
def test_parameters_that_are_none(tmp_path: Path, entry: str, reason: str) -> None:
    config = tmp_path / "parameters.yaml"
    config.write_text(f"{FIXED}:{entry}\n", "utf-8")
    result = run(write_beir(tmp_path / "planets"), "--retrievers", f"{RINGS},{FIXED}", "--retriever-config", config)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_our_own_components_find_what_our_retrievers_find(
    tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    folder, index = write_beir(tmp_path / "planets"), tmp_path / "index"
    name = report(folder, "--index", index, "--retrievers", "sparse")["corpus"]["collection"]
    config = tmp_path / "parameters.json"
    config.write_text(json.dumps({"data": str(index), "collection": name, "threads": 1}), "utf-8")
    component = "models.components:LectorSparseRetriever"
    found = report(folder, "--index", index, "--retrievers", f"sparse,{component}", "--retriever-config", config)
    assert {one["difference"] for one in found["significance"][f"{component} vs sparse"].values()} == {0}


def test_a_retriever_of_a_store_in_memory_is_given_the_corpus(
    tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    config, name = tmp_path / "bm25.yaml", "haystack.components.retrievers.in_memory:InMemoryBM25Retriever"
    store = "haystack.document_stores.in_memory.document_store.InMemoryDocumentStore"
    config.write_text(f"document_store: {{type: {store}, init_parameters: {{}}}}\n", "utf-8")
    found = report(write_beir(tmp_path / "planets"), "--retrievers", name, "--retriever-config", config, "--at", "1,5")
    assert found["retrievers"][name]["hit@1"] > 0.6
    path = write_subjqa(tmp_path / "things.csv")
    by_product = report(path, "--retrievers", name, "--retriever-config", config, "--at", "1")
    assert by_product["retrievers"][name]["hit@1"] == 1, "filters are the same"
    asked = write_jsonl(tmp_path / "questions.jsonl", [{"question": "Who?", "relevant": ["a"]}])
    result = run(asked, "--collection", "x", "--retrievers", f"hybrid,{name}", "--retriever-config", config)
    assert result.exit_code == 2
    assert "only a source with a corpus can fill" in result.stderr
