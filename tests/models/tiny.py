"""Random BERTs of two layers, and sets that they can learn."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import BertWordPieceTokenizer

COLOURS = ["red", "blue", "green", "black", "white", "yellow", "purple", "orange", "brown", "grey"]
THINGS = ["house", "boat", "door"]


def save_tiny_reader(folder: Path, **sizes: int) -> Path:
    """Write network and tokenizer to a folder, in Hugging Face format; `sizes` differ from the usual ones."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    torch.manual_seed(0)
    BertForQuestionAnswering(BertConfig(**_sizes(**sizes))).save_pretrained(folder)
    _save_tokenizer(folder)
    return folder


def save_tiny_distilbert(folder: Path) -> Path:
    """A reader that knows no segments, and names its sizes and dropouts in another way."""
    import torch
    from transformers import DistilBertConfig, DistilBertForQuestionAnswering

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 128}
    config = DistilBertConfig(vocab_size=len(vocabulary()), **sizes)
    DistilBertForQuestionAnswering(config).save_pretrained(folder)
    _save_tokenizer(folder)
    return folder


def save_tiny_cross_encoder(folder: Path) -> Path:
    """A network that gives a question and a passage one score."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    BertForSequenceClassification(BertConfig(**_sizes(num_labels=1))).save_pretrained(folder)
    _save_tokenizer(folder)
    return folder


def save_tiny_dpr(folder: Path, projection_dim: int = 0) -> Path:
    """A DPR pair, as its two models lie on the hub, in two folders."""
    import torch
    from transformers import DPRConfig, DPRContextEncoder, DPRQuestionEncoder

    torch.manual_seed(0)
    config = DPRConfig(**_sizes(projection_dim=projection_dim))
    for name, kind in (("question_encoder", DPRQuestionEncoder), ("ctx_encoder", DPRContextEncoder)):
        kind(config).save_pretrained(folder / name)
        (folder / name / "vocab.txt").write_text("\n".join(vocabulary()))
    return folder


def _sizes(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(vocabulary()),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 128,
        **more,
    }


def _save_tokenizer(folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    words = vocabulary()
    tokenizer = BertWordPieceTokenizer({word: i for i, word in enumerate(words)})
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer._tokenizer, **special)  # type: ignore[no-untyped-call]
    fast.save_pretrained(folder)


def vocabulary() -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?"]
    words = ["the", "what", "colour", "is", *COLOURS, *THINGS]
    return [*special, *words, *letters, *(f"##{letter}" for letter in letters)]


def write_questions(path: Path, things: Sequence[str] = THINGS) -> Path:
    """A SQuAD file with 30 questions whose answers are colours."""
    paragraphs = []
    for i, colour in enumerate(COLOURS):
        context = ". ".join(f"The {thing} is {COLOURS[(i + 3 * j) % 10]}" for j, thing in enumerate(things))
        qas = []
        for j, thing in enumerate(things):
            answer = COLOURS[(i + 3 * j) % 10]
            start = context.index(f"{thing} is ") + len(f"{thing} is ")
            question = f"What colour is the {thing}?"
            qas.append(
                {"id": f"{colour}-{j}", "question": question, "answers": [{"text": answer, "answer_start": start}]}
            )
        paragraphs.append({"context": context, "qas": qas})
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "Colours", "paragraphs": paragraphs}]}))
    return path


def write_pairs(folder: Path) -> None:
    """Thirty questions in a code of letters, on passages in words: 24 to train on, and 6 to try, as BEIR has them.

    No word of a question stands in its passage, so that what is found has been learned.
    """
    rows = []
    for i, colour in enumerate(COLOURS):
        for j, thing in enumerate(THINGS):
            question = f"what is {chr(ord('a') + i)} {chr(ord('k') + j)}?"
            rows.append({"question": question, "positive": f"the {thing} is {colour}", "source": thing})
    held = [row for number, row in enumerate(rows) if number % 5 == 2]
    (folder / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    beir = folder / "colours"
    (beir / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{n}", "title": "", "text": row["positive"]} for n, row in enumerate(rows)]
    queries = [{"_id": f"q{rows.index(row)}", "text": row["question"]} for row in held]
    for name, lines in (("corpus", corpus), ("queries", queries)):
        (beir / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    judged = "".join(f"q{rows.index(row)}\td{rows.index(row)}\t1\n" for row in held)
    (beir / "qrels" / "dev.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
