"""What is compared: Lector's readers, Haystack's, and a plain loop over transformers and PyTorch.

Each answers a question from passages with one string. The peers get the same weights, in Hugging Face format.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

Kind = Literal["lector", "lector-early-exit", "haystack", "torch"]
LECTOR: tuple[Kind, ...] = ("lector", "lector-early-exit")

BEST = 20  # start and end positions of a window that the plain loop combines, as the usual examples do
MAX_LENGTH, OVERLAP, MAX_ANSWER_TOKENS = 384, 128, 30


class Subject(Protocol):
    """A reader under measurement."""

    def answer(self, question: str, texts: Sequence[str], scores: Sequence[float] | None) -> dict[str, str]:
        """The first answer by each ranking that the reader has; `answer` is the one that a user would get.

        `scores` are the passages' retrieval scores, if they were retrieved.
        """


def load_subject(kind: Kind, source: str, threads: int) -> Subject:
    """Load a reader to run on so many threads."""
    kinds: dict[Kind, type[Any]] = {
        "lector": LectorSubject,
        "lector-early-exit": EarlyExitSubject,
        "haystack": HaystackSubject,
        "torch": TorchSubject,
    }
    subject: Subject = kinds[kind](source, threads)
    return subject


class LectorSubject:
    """An artifact, ranking by calibrated confidence as the pipeline does; `by_margin` is the reader's own ranking."""

    _early_exit = False

    def __init__(self, source: str, threads: int) -> None:
        from models.artifact import load_artifact
        from models.confidence import Calibration
        from models.reader import open_reader

        artifact = load_artifact(source, "reader")
        self._reader = open_reader(artifact, threads)
        self._calibration = Calibration(artifact.card.calibration)

    def answer(self, question: str, texts: Sequence[str], scores: Sequence[float] | None) -> dict[str, str]:
        from models.judging import read_and_judge

        homes = [(str(number), 0) for number in range(len(texts))]
        judged = read_and_judge(
            self._reader,
            self._calibration,
            question,
            texts,
            homes,
            scores or [None] * len(texts),
            early_exit=self._early_exit,
        )
        if not judged.candidates:
            return {"answer": "", "by_margin": ""}
        by_margin = judged.candidates[0].text
        if scores is None:
            return {"answer": by_margin, "by_margin": by_margin}
        first = max(range(len(judged.candidates)), key=judged.confidences.__getitem__)
        return {"answer": judged.candidates[first].text, "by_margin": by_margin}


class EarlyExitSubject(LectorSubject):
    """The same, which reads no further than the first answer needs."""

    _early_exit = True


class HaystackSubject:
    """`TransformersExtractiveReader` with its defaults, asked for one answer and none that is empty."""

    def __init__(self, source: str, threads: int) -> None:
        import torch
        from haystack.utils import ComponentDevice
        from haystack_integrations.components.readers.transformers import TransformersExtractiveReader

        torch.set_num_threads(threads)
        device = ComponentDevice.from_str("cpu")
        self._reader = TransformersExtractiveReader(model=source, device=device, top_k=1, no_answer=False)
        self._reader.warm_up()

    def answer(self, question: str, texts: Sequence[str], scores: Sequence[float] | None) -> dict[str, str]:  # noqa: ARG002
        from haystack import Document

        answers = self._reader.run(query=question, documents=[Document(content=text) for text in texts])["answers"]
        return {"answer": answers[0].data or "" if answers else ""}


class TorchSubject:
    """One padded batch of all windows, and the best span by raw logits, as in transformers' own examples."""

    def __init__(self, source: str, threads: int) -> None:
        import torch
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        torch.set_num_threads(threads)
        self._tokenizer = AutoTokenizer.from_pretrained(source)
        self._network = AutoModelForQuestionAnswering.from_pretrained(source).eval()

    def answer(self, question: str, texts: Sequence[str], scores: Sequence[float] | None) -> dict[str, str]:  # noqa: ARG002
        import torch

        encoded = self._tokenizer(
            [question] * len(texts),
            list(texts),
            truncation="only_second",
            max_length=MAX_LENGTH,
            stride=OVERLAP,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding=True,
            return_tensors="pt",
        )
        passages, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping").numpy()
        with torch.inference_mode():
            output = self._network(**encoded)
        starts, ends = output.start_logits.numpy(), output.end_logits.numpy()  # (windows, length)
        best, answer = -np.inf, ""
        for window, passage in enumerate(passages.tolist()):
            inside = np.array([part == 1 for part in encoded.sequence_ids(window)])
            start, end, score = _best_span(
                np.where(inside, starts[window], -np.inf), np.where(inside, ends[window], -np.inf)
            )
            if score > best:
                best, answer = score, texts[passage][offsets[window, start, 0] : offsets[window, end, 1]]
        return {"answer": answer}


def _best_span(starts: "np.ndarray[Any, Any]", ends: "np.ndarray[Any, Any]") -> tuple[int, int, float]:
    """Start token, end token and summed logits of a window's best span, of the best starts and ends."""
    first, last = np.argsort(-starts)[:BEST], np.argsort(-ends)[:BEST]
    length = last[None] - first[:, None]  # (starts, ends)
    scores = np.where((length >= 0) & (length < MAX_ANSWER_TOKENS), starts[first][:, None] + ends[last][None], -np.inf)
    i, j = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return int(first[i]), int(last[j]), float(scores[i, j])


def disk_mb(kind: Kind, source: str) -> float:
    """What a reader's directory takes on disk, in MB; what is not weights or tokenizer is little."""
    from models.artifact import load_artifact

    folder = load_artifact(source, "reader").folder if kind in LECTOR else Path(source)
    return round(sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6, 1)
