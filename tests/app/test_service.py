"""The rest of the service: search, collections, health, errors, start and memory of imports."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from models.settings import Settings
from store.errors import NotFound


def test_search_returns_passages_without_reading_them(client: TestClient) -> None:
    body = client.post("/v1/collections/default/search", json={"question": "rye bread", "top_k": 1}).json()
    (passage,) = body["passages"]
    assert "sourdough" in passage["text"]
    assert passage["scores"]["reader"] is None
    assert passage["scores"]["dense"] > 0
    assert passage["also_found_in"] == []
    assert body["index"]["passages"] == 2


def test_a_search_may_be_ranked_again_by_the_reader(client: TestClient) -> None:
    search = {"question": "Who learned the craft in Vienna?"}
    plain = client.post("/v1/collections/default/search", json=search).json()
    again = client.post("/v1/collections/default/search", json={**search, "rerank": True}).json()
    assert plain["timings_ms"]["rerank"] == 0 < again["timings_ms"]["rerank"]
    assert again["timings_ms"]["total"] > again["timings_ms"]["rerank"]
    assert {one["passage_id"] for one in again["passages"]} == {one["passage_id"] for one in plain["passages"]}
    scores = [one["scores"]["retriever"] for one in again["passages"]]
    assert scores == sorted(scores, reverse=True)
    assert scores != [one["scores"]["retriever"] for one in plain["passages"]]


def test_a_search_may_limit_the_passages_of_a_document(client: TestClient) -> None:
    search = {"question": "rye bread", "per_document": 1}
    found = client.post("/v1/collections/default/search", json=search).json()["passages"]
    assert len({passage["document"]["id"] for passage in found}) == len(found) == 2
    assert client.post("/v1/collections/default/search", json={**search, "per_document": 0}).status_code == 422


def test_collections_are_listed_with_their_sizes(client: TestClient) -> None:
    assert client.get("/v1/collections").json() == {
        "collections": [{"collection": "default", "generation": 2, "documents": 2, "passages": 2}],
        "unopened": {},
    }


def test_a_document_shows_the_text_that_offsets_count_in(client: TestClient) -> None:
    asked = client.get("/v1/collections/default/ask", params={"question": "When was the lighthouse built?"}).json()
    answer = asked["answers"][0]
    document = client.get(f"/v1/collections/default/documents/{answer['document']['id']}").json()
    assert document["document"] == answer["document"]
    assert document["text"][answer["start"] : answer["end"]] == answer["answer"] == "1873"
    digest = hashlib.sha256(document["text"].encode()).hexdigest()
    assert document["document"]["content_hash"] == f"sha256:{digest}"
    missing = client.get("/v1/collections/default/documents/a/b")
    assert (missing.status_code, missing.json()["detail"]) == (404, "collection 'default' has no document 'a/b'")


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_a_collection_that_cannot_be_opened_makes_the_service_unready_but_not_dead(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "lector.db").write_bytes(b"this is no database" * 100)
    with TestClient(create_app(Settings(data=tmp_path))) as client:
        assert client.get("/health").status_code == 200
        response = client.get("/ready")
        listed = client.get("/v1/collections").json()
        (tmp_path / "broken" / "lector.db").unlink()
        assert client.get("/ready").status_code == 200
    assert response.status_code == 503
    assert "collection broken" in response.json()["detail"]
    assert listed["collections"] == []
    assert "restore it from a backup" in listed["unopened"]["broken"]


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    for response, status in ((client.get("/v2"), 404), (client.delete("/v1/collections"), 405)):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == status


def test_the_root_leads_to_the_documentation(client: TestClient) -> None:
    response = client.get("/", follow_redirects=True)
    assert response.status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/health",
        "/ready",
        "/v1/collections",
        "/v1/collections/{collection}/ask",
        "/v1/collections/{collection}/documents/{document}",
        "/v1/collections/{collection}/search",
    }


def test_a_reader_that_does_not_exist_stops_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(NotFound, match="Shipped models"),
        TestClient(create_app(Settings(data=tmp_path, reader="nowhere"))),
    ):
        pass


def test_serving_imports_neither_torch_nor_transformers() -> None:
    program = "import app.main, sys; assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
