"""POST and GET /v1/collections/{collection}/ask, through a real client, with the shipped models."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from models.encoder import Encoder
from store.catalog import Catalog

ASK = "/v1/collections/default/ask"


def ask(client: TestClient, question: str, **options: object) -> Response:
    return client.post(ASK, json={"question": question, "min_confidence": 0, **options})


def test_ask_answers_with_a_span_of_the_document(client: TestClient, data: Path, encoder: Encoder) -> None:
    body = ask(client, "When was the lighthouse built?").json()
    answer = body["answers"][0]
    assert answer["answer"] == "1873"
    catalog = Catalog(data, encoder.identity)
    text = catalog.get("default").document_text(answer["document"]["id"])
    catalog.close()
    assert text[answer["start"] : answer["end"]] == "1873"
    context = answer["context"]
    assert text[context["start"] : context["end"]] == context["text"]


def test_ask_returns_what_the_documentation_names(client: TestClient) -> None:
    body = ask(client, "Where did the baker learn her craft?").json()
    assert list(body) == [
        "question",
        "answered",
        "no_answer_confidence",
        "answers",
        "passages_read",
        "cached",
        "timings_ms",
        "index",
        "reader",
    ]
    assert body["answered"] is True
    assert body["reader"] == "base"
    assert body["index"] == {"collection": "default", "generation": 2, "documents": 2, "passages": 2}
    assert set(body["timings_ms"]) == {"encode", "retrieve", "read", "total"}
    answer = body["answers"][0]
    assert answer["answer"] == "Vienna"
    assert answer["document"]["title"] == "The bakery"
    assert answer["document"]["content_hash"].startswith("sha256:")
    assert answer["passage_id"] == f"{answer['document']['id']}:0"
    assert set(answer["scores"]) == {"reader", "retriever", "sparse", "dense"}
    assert 0 <= answer["confidence"] <= 1


def test_ask_says_what_it_read_and_what_it_remembered(client: TestClient) -> None:
    question = "What was it that the keeper left?"
    cut = ask(client, question, budget_ms=0.001).json()
    assert (cut["passages_read"], cut["cached"]) == (1, False)
    whole = ask(client, question).json()
    assert (whole["passages_read"], whole["cached"]) == (2, False)
    again = client.get(ASK, params={"question": question, "min_confidence": 0, "budget_ms": 9}).json()
    assert (again["answers"], again["cached"]) == (whole["answers"], True)


@pytest.mark.parametrize("options", [{"budget_ms": 0}, {"budget_ms": "soon"}, {"early_exit": "perhaps"}])
def test_ask_refuses_budgets_that_are_none(client: TestClient, options: dict[str, object]) -> None:
    assert ask(client, "Who?", **options).status_code == 422


def test_ask_by_url_gives_the_same_answers(client: TestClient) -> None:
    question = "How high is the lighthouse?"
    by_url = client.get(ASK, params={"question": question, "min_confidence": 0}).json()
    assert by_url["answers"] == ask(client, question).json()["answers"]


def test_ask_withholds_answers_below_the_confidence_asked_for(client: TestClient) -> None:
    body = ask(client, "When was the lighthouse built?", min_confidence=1).json()
    assert body["answered"] is False
    assert body["answers"] == []


def test_ask_returns_at_most_top_k_answers(client: TestClient) -> None:
    more = ask(client, "Who is the baker?", top_k=50).json()["answers"]
    assert len(more) > 1
    assert ask(client, "Who is the baker?", top_k=1).json()["answers"] == more[:1]


@pytest.mark.parametrize("retriever", ["hybrid", "sparse", "dense"])
def test_ask_takes_each_retriever(client: TestClient, retriever: str) -> None:
    answer = ask(client, "When was the lighthouse built?", retriever=retriever).json()["answers"][0]
    assert answer["answer"] == "1873"
    assert (answer["scores"]["sparse"] is None) == (retriever == "dense")
    assert (answer["scores"]["dense"] is None) == (retriever == "sparse")


def test_ask_reads_only_documents_that_match_the_filters(client: TestClient) -> None:
    title = {"field": "title", "operator": "==", "value": "The bakery"}
    answers = ask(client, "When was the lighthouse built?", filters=title).json()["answers"]
    assert answers
    assert {answer["document"]["title"] for answer in answers} == {"The bakery"}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body.question"),
        ({"question": ""}, "body.question"),
        ({"question": "x" * 2001}, "body.question"),
        ({"question": "Who?", "top_k": 0}, "body.top_k"),
        ({"question": "Who?", "passages": 101}, "body.passages"),
        ({"question": "Who?", "retriever": "magic"}, "body.retriever"),
        ({"question": "Who?", "min_confidence": 1.5}, "body.min_confidence"),
        ({"question": "Who?", "topk": 3}, "body.topk"),
    ],
)
def test_ask_names_the_rule_that_a_request_breaks(client: TestClient, body: dict[str, object], where: str) -> None:
    response = client.post(ASK, json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["where"] == where


def test_a_url_may_not_have_what_ask_does_not_know(client: TestClient) -> None:
    response = client.get(ASK, params={"question": "When was the lighthouse built?", "filters": "{}"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["where"] == "query.filters"


def test_ask_refuses_a_question_of_white_space(client: TestClient) -> None:
    response = ask(client, " \n\t ")
    assert response.status_code == 422
    assert "0 characters" in response.json()["detail"]


def test_ask_refuses_a_filter_that_breaks_the_syntax(client: TestClient) -> None:
    response = ask(client, "Who?", filters={"field": "meta.x", "operator": "~", "value": 1})
    assert response.status_code == 422
    assert "'~'" in response.json()["detail"]


def test_ask_of_an_unknown_collection_is_not_found(client: TestClient) -> None:
    response = client.post("/v1/collections/nowhere/ask", json={"question": "Who?"})
    assert response.status_code == 404
    problem = response.json()
    assert problem["title"] == "Not Found"
    assert problem["status"] == 404
    assert "known: default" in problem["detail"]


def test_body_that_is_not_json_is_a_problem(client: TestClient) -> None:
    response = client.post(ASK, content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
