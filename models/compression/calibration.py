"""What static quantization is calibrated on: inputs such as the network will meet."""

from pathlib import Path

import numpy as np

from models.artifact import Artifact
from models.compression.quantize import Rows
from models.encoder import EncoderSettings
from models.evaluation.squad import read_squad, spread
from models.reader import ReaderSettings
from models.windows import PairTemplate, cut, question_ids, tokenize

QUESTIONS = 128  # evenly spread over the file


def calibration_rows(artifact: Artifact, file: Path, questions: bool = False) -> Rows:
    """Windows of a SQuAD file's questions for a reader; for an encoder its contexts, or its questions.

    Errors as of `read_squad`.
    """
    chosen = spread(read_squad(file), QUESTIONS)
    tokenizer = artifact.tokenizer
    if artifact.card.kind == "encoder":
        tokenizer.enable_truncation(artifact.settings(EncoderSettings).max_length)
        encodings = tokenizer.encode_batch(list(dict.fromkeys(q.text if questions else q.context for q in chosen)))
        return [(np.array(e.ids, dtype=np.int64), np.array(e.type_ids, dtype=np.int64)) for e in encodings]
    settings, template = artifact.settings(ReaderSettings), PairTemplate.of(tokenizer)
    passages = tokenize(tokenizer, [q.context for q in chosen])
    windows = [
        window
        for question, passage in zip(chosen, passages, strict=True)
        for window in cut(
            template, question_ids(tokenizer, question.text), passage, settings.max_length, settings.doc_stride
        )
    ]
    return [(window.ids, window.types) for window in windows]
