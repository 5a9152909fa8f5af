"""A reader for reviews: the shipped one trained on with SubjQA's train split, and both measured."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples.subjqa.data import Pair, questions, write_squad
from models.artifact import CARD, load_artifact
from models.evaluation.reader import best_null_threshold, mean_points, predict
from models.reader import load_reader

SHIPPED = "base"
CONFIG = """\
# Edit this and run again for a reader of another training; what was trained before stays beside it.
base = "base"
learning_rate = 1e-4
batch_tokens = 6000

[[train]]
file = "train.json"
licence = "that of the reviews, which is unclear: for your own experiments only"
passes = 3.0
doc_stride = 320  # long reviews in fewer windows
"""


def fine_tune(train: Sequence[Pair], work: Path) -> Path:
    """The artifact of a reader trained by `work/reader.toml`, made now unless it is there.

    The same as `lector train reader` and `lector compress`; an interrupted training goes on.

    Raises:
        InvalidInput: the configuration breaks a rule.
    """
    write_squad(train, work / "train.json")
    config = work / "reader.toml"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    made_of = hashlib.sha256(config.read_bytes() + (work / "train.json").read_bytes())
    run = work / f"run-{made_of.hexdigest()[:12]}"
    if not (run / "reader" / CARD).is_file():
        from models.compression.compress import compress
        from models.training.config import ReaderTraining, load_config
        from models.training.reader import train_reader

        train_reader(load_config(config, ReaderTraining), work, run)
        compress(str(run / "model"), "reader", run / "reader")
    return run / "reader"


def training_of(name: str) -> dict[str, Any]:
    """What a reader's card says of its last training: configuration, size, hours, and what it ran on."""
    training = load_artifact(name, "reader").card.training
    return {key: training[key] for key in ("config", "windows", "tokens", "hours", "device", "precision")}


def measure_reader(name: str, dev: Sequence[Pair], test: Sequence[Pair], threads: int = 0) -> dict[str, Any]:
    """EM and F1 in percent of a reader on questions with their own review, each with the number of questions, `n`.

    - "dev" and "test": the questions that have an answer, and the best span, however weak. This is what the tutorial
      counts, and the figure on "dev" is the one to choose a training by.
    - "test_all": all questions, those without an answer too, refusing below the null threshold that is best on dev.
    - "test_refused": how many of those without an answer are refused so, as if that were an F1.
    """
    reader = load_reader(name, threads)
    on_dev, on_test = (predict(reader, questions(pairs)) for pairs in (dev, test))
    _, threshold = best_null_threshold(on_dev)
    return {
        "dev": mean_points([p for p in on_dev if p.answerable], None),
        "test": mean_points([p for p in on_test if p.answerable], None),
        "test_all": mean_points(on_test, threshold),
        "test_refused": mean_points([p for p in on_test if not p.answerable], threshold),
        "null_threshold": threshold,
    }
