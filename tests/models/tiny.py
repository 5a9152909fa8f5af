"""A random BERT of two layers, and a question set that it can learn."""

import json
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

COLOURS = ["red", "blue", "green", "black", "white", "yellow", "purple", "orange", "brown", "grey"]
THINGS = ["house", "boat", "door"]


def save_tiny_reader(folder: Path) -> Path:
    """Write network and tokenizer to a folder, in Hugging Face format."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering, PreTrainedTokenizerFast

    torch.manual_seed(0)
    words = vocabulary()
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertForQuestionAnswering(config).save_pretrained(folder)
    tokenizer = BertWordPieceTokenizer({word: i for i, word in enumerate(words)})
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer._tokenizer, **special)  # type: ignore[no-untyped-call]
    fast.save_pretrained(folder)
    return folder


def vocabulary() -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?"]
    words = ["the", "what", "colour", "is", *COLOURS, *THINGS]
    return [*special, *words, *letters, *(f"##{letter}" for letter in letters)]


def write_questions(path: Path) -> Path:
    """A SQuAD file with 30 questions whose answers are colours."""
    paragraphs = []
    for i, colour in enumerate(COLOURS):
        context = ". ".join(f"The {thing} is {COLOURS[(i + 3 * j) % 10]}" for j, thing in enumerate(THINGS))
        qas = []
        for j, thing in enumerate(THINGS):
            answer = COLOURS[(i + 3 * j) % 10]
            start = context.index(f"{thing} is ") + len(f"{thing} is ")
            question = f"What colour is the {thing}?"
            qas.append(
                {"id": f"{colour}-{j}", "question": question, "answers": [{"text": answer, "answer_start": start}]}
            )
        paragraphs.append({"context": context, "qas": qas})
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "Colours", "paragraphs": paragraphs}]}))
    return path
