"""`lector` as a person would call it: real processes, their output and exit codes."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest


def lector(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_ask_answers_in_words(data: Path) -> None:
    result = lector("ask", "When was the lighthouse built?", "--data", data, "--min-confidence", "0")
    assert result.returncode == 0, result.stderr
    assert "1873" in result.stdout.splitlines()[0]
    assert "[1873]" in result.stdout


def test_ask_prints_what_the_service_returns(data: Path) -> None:
    result = lector("ask", "When was the lighthouse built?", "--json", "--min-confidence", "0", LECTOR_DATA=str(data))
    assert json.loads(result.stdout)["answers"][0]["answer"] == "1873"


def test_ask_says_so_and_exits_with_1_where_there_is_no_answer(data: Path) -> None:
    result = lector("ask", "When was the lighthouse built?", "--data", data, "--min-confidence", "1")
    assert result.returncode == 1
    assert result.stdout == "No answer of at least 100%.\n"
    result = lector("ask", "Who wrote the Iliad?", "--data", data)
    assert result.returncode == 1
    assert result.stdout.startswith("No answer (probability that there is none: ")


def test_ask_answers_on_a_terminal_that_lacks_characters(tmp_path: Path) -> None:
    (tmp_path / "tower.txt").write_text("The 🗼 tower was built in 1873.", encoding="utf-8")
    assert lector("index", tmp_path / "tower.txt", "--data", tmp_path / "data").returncode == 0
    asked = ("ask", "When was the tower built?", "--data", tmp_path / "data", "--min-confidence", "0")
    result = lector(*asked, PYTHONIOENCODING="latin-1")
    assert "The ? tower was built in [1873]" in result.stdout, result.stderr
    assert "🗼" in lector(*asked, "--json", PYTHONIOENCODING="latin-1").stdout


def test_index_makes_no_collection_for_a_path_that_names_nothing(tmp_path: Path) -> None:
    result = lector("index", tmp_path / "nothing", "--collection", "typo", "--data", tmp_path / "data")
    assert result.returncode == 2
    assert f"no file, folder or glob match at '{tmp_path / 'nothing'}'" in result.stderr.replace("\n", "")
    assert not (tmp_path / "data" / "typo").exists()


def test_ask_of_an_unknown_collection_exits_with_2(data: Path) -> None:
    result = lector("ask", "Who?", "--collection", "nowhere", "--data", data)
    assert result.returncode == 2
    assert "there is no collection 'nowhere'" in result.stderr


def test_unknown_settings_stop_the_start() -> None:
    result = lector("serve", LECTOR_PROT="80")
    assert result.returncode == 2
    assert "LECTOR_PROT" in result.stderr
    assert "LECTOR_PORT" in result.stderr


def test_values_out_of_range_stop_the_start() -> None:
    result = lector("serve", "--port", "99999")
    assert result.returncode == 2
    assert "LECTOR_PORT=99999" in result.stderr


def test_serve_answers_over_http_and_stops_at_once(data: Path) -> None:
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--data", str(data)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = None
        for line in server.stderr:
            if found := re.search(r"running on (http://\S+)", line):
                address = found[1]
                break
        assert address is not None
        url = f"{address}/v1/collections/default/ask?question=When%20was%20the%20lighthouse%20built%3F&min_confidence=0"
        with urllib.request.urlopen(url, timeout=30) as response:
            assert json.load(response)["answers"][0]["answer"] == "1873"
        began = time.monotonic()
        server.terminate()
        server.wait(timeout=10)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("verb", ["serve", "index", "ask", "evaluate", "train", "compress"])
def test_every_verb_explains_itself(verb: str) -> None:
    result = lector(verb, "--help")
    assert result.returncode == 0
    assert "Usage" in result.stdout
