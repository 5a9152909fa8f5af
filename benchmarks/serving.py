"""What serving costs: time from start to first answer, resident memory, latency of a question.

    lector index --demo --data DIR
    python -m benchmarks.serving --data DIR --json benchmarks/results/serving.json

The server is a process of its own, started several times; figures are medians. Needs the extra `bench`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.machine import machine
from benchmarks.summary import percentiles

QUESTIONS = [
    "Which statement is used to raise an exception?",
    "What are lambda expressions used to create?",
    "What model of error handling does Python use?",
    "What does the break statement terminate?",
    "Which clause can be used to specify cleanup code?",
]
STARTS = 5
ROUNDS = 10
PORT = 8765


def measure(data: Path) -> dict[str, Any]:
    """Start the server five times, and ask the five questions ten times over after the last start."""
    runs = [_one_start(data, rounds=ROUNDS if number == STARTS - 1 else 0) for number in range(STARTS)]
    latencies = runs[-1]["latencies_ms"]
    return {
        "machine": machine(),
        "index": runs[-1]["index"],
        "start_to_first_answer_s": round(statistics.median(run["first_answer_s"] for run in runs), 2),
        "resident_mb_after_first_answer": round(statistics.median(run["first_mb"] for run in runs), 1),
        "resident_mb_after_all": round(runs[-1]["last_mb"], 1),
        "questions": len(latencies),
        "latency_ms": percentiles(latencies),
    }


def _one_start(data: Path, rounds: int) -> dict[str, Any]:
    began = time.perf_counter()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(PORT), "--data", str(data)]
    uncached = os.environ | {"LECTOR_CACHE": "0"}
    with subprocess.Popen(command, env=uncached, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            body = _first_answer(server)
            process = psutil.Process(server.pid)
            result = {
                "first_answer_s": time.perf_counter() - began,
                "first_mb": process.memory_info().rss / 1e6,
                "index": body["index"],
            }
            latencies = []
            with httpx.Client() as client:
                for question in QUESTIONS * rounds:
                    asked = time.perf_counter()
                    _ask(client, question)
                    latencies.append(1000 * (time.perf_counter() - asked))
            return result | {"latencies_ms": latencies, "last_mb": process.memory_info().rss / 1e6}
        finally:
            server.terminate()


def _first_answer(server: subprocess.Popen[bytes]) -> dict[str, Any]:
    with httpx.Client() as client:
        while server.poll() is None:
            try:
                return _ask(client, QUESTIONS[0])
            except httpx.ConnectError:
                time.sleep(0.01)
    raise SystemExit(f"the server stopped with exit code {server.returncode}")


def _ask(client: httpx.Client, question: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{PORT}/v1/collections/default/ask"
    response = client.post(url, json={"question": question}, timeout=60)
    response.raise_for_status()
    body: dict[str, Any] = response.json()
    return body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = json.dumps(measure(arguments.data), indent=1)
    print(result)
    if arguments.json:
        arguments.json.write_text(result + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
