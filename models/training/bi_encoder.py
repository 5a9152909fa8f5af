"""Bi-encoders for training and export, all of them as models of sentence-transformers.

Where questions and passages have a network each, the model begins with a `Router`, sentence-transformers' own way to
have two, so that whatever is trained here can be loaded elsewhere too.
"""

import copy
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Router, Transformer
from sentence_transformers.util import is_sentence_transformer_model
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizer, DPRContextEncoder, DPRQuestionEncoder

from models.encoder import Embeddings, EncoderSettings, join_titles
from models.encoder import Pooling as Pooled
from store.errors import InvalidInput

Task = Literal["query", "document"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]

DPR_FOLDERS = ("question_encoder", "ctx_encoder")
DPR_SEPARATOR = " [SEP] "  # DPR keeps title and text apart by this token alone: all its segments are 0
EMBEDDING = "sentence_embedding"  # as sentence-transformers call it
SETTINGS = "lector.json"  # what a directory of sentence-transformers has no place for
_ROWS_AT_ONCE = 32


class BiEncoder(nn.Module):
    """Questions and passages in, embeddings out, by one network or by two.

    The forward pass runs in the precision of the training, whoever calls it: gradient caching does so while autograd
    goes backward.
    """

    def __init__(self, model: SentenceTransformer, title_separator: str) -> None:
        super().__init__()
        self.model = model
        self.title_separator = title_separator
        self.dtype = torch.float32

    @property
    def separate(self) -> bool:
        """Whether questions have a network of their own."""
        return isinstance(self.model[0], Router)

    @property
    def cosine(self) -> bool:
        """Whether embeddings have unit length, so that their inner products are cosines."""
        return all(any(isinstance(m, Normalize) for m in self.modules_of(task)) for task in _TASKS)

    def modules_of(self, task: Task) -> list[nn.Module]:
        """What a question ("query") or a passage ("document") runs through."""
        modules: list[nn.Module] = list(self.model)
        if not isinstance(modules[0], Router):
            return modules
        return [*modules[0].sub_modules[task].children(), *modules[1:]]

    def prompt(self, task: Task) -> str:
        """What a question or a passage is put behind."""
        return self.model.prompts.get(task) or ""

    def get_embedding_dimension(self) -> int:
        """The size of an embedding; the name is that which sentence-transformers' losses know."""
        return int(self.model.get_embedding_dimension() or 0)

    def features(self, task: Task, texts: Sequence[str], max_length: int | None = None) -> dict[str, Any]:
        """Token ids and what goes with them, padded to the longest text, on the model's device.

        `max_length` is in tokens, and less than what the model takes; None: as many.
        """
        limit = {} if max_length is None else {"max_length": max_length}
        made: dict[str, Any] = self.model.preprocess(list(texts), self.prompt(task) or None, task=task, **limit)
        return {k: v.to(self.model.device) if isinstance(v, Tensor) else v for k, v in made.items()}

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """The features with `sentence_embedding` (batch, dimension) in fp32 among them; it may be there already."""
        if EMBEDDING in features:
            return features
        with torch.autocast(self.model.device.type, self.dtype, enabled=self.dtype != torch.float32):
            output: dict[str, Any] = self.model(features)
        output[EMBEDDING] = output[EMBEDDING].float()
        return output

    def join(self, texts: Sequence[str], titles: Sequence[str]) -> list[str]:
        """Passages as they are given to the network."""
        return join_titles(texts, titles, self.title_separator)

    def encode_questions(self, questions: Sequence[str]) -> Embeddings:
        """Embeddings (len(questions), dimension), in order."""
        return self._encode("query", questions)

    def encode(self, texts: Sequence[str], titles: Sequence[str] = ()) -> Embeddings:
        """Embeddings of passages (len(texts), dimension), in order, each with its title where titles are given."""
        return self._encode("document", self.join(texts, titles) if titles else texts)

    def save(self, folder: Path) -> None:
        """Write it as sentence-transformers does, and beside it how titles are given to it."""
        self.model.save(str(folder), create_model_card=False)
        settings = {"title_separator": self.title_separator}
        (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")

    def _encode(self, task: Task, texts: Sequence[str]) -> Embeddings:
        embeddings = np.zeros((len(texts), self.get_embedding_dimension()), dtype=np.float32)
        order = np.array(sorted(range(len(texts)), key=lambda i: len(texts[i])), dtype=np.int64)
        training = self.training
        self.eval()
        for begin in range(0, len(texts), _ROWS_AT_ONCE):
            some = order[begin : begin + _ROWS_AT_ONCE]
            with torch.inference_mode():
                output = self(self.features(task, [texts[i] for i in some]))
            embeddings[some] = output[EMBEDDING].cpu().numpy()
        self.train(training)
        return embeddings


_TASKS: tuple[Task, Task] = ("query", "document")


def load_bi_encoder(
    base: str, *, shared: bool | None = None, title_separator: str | None = None, attention: str = "eager"
) -> BiEncoder:
    """A bi-encoder in fp32, on the CPU.

    Args:
        base: a directory or a hub name of sentence-transformers or of a plain encoder, whose embeddings are then the
            normalized mean of its tokens' states; or a directory with a DPR pair, `question_encoder` and `ctx_encoder`.
        shared: whether questions and passages are to have one network. None: as the base has it. False gives each its
            own copy of a base that has one.
        title_separator: what stands between a title and its passage. None: as the base has it.
        attention: transformers' name of how attention is computed.

    Raises:
        InvalidInput: the base has two networks, and one is asked for; or routes that are not of questions and passages.
    """
    options = {"attn_implementation": attention, "dtype": torch.float32}
    if is_dpr_pair(Path(base)):
        model, separator = _load_dpr(Path(base), options), DPR_SEPARATOR
    else:
        model, separator = SentenceTransformer(base, device="cpu", model_kwargs=options), _separator(Path(base))
        if not is_sentence_transformer_model(base):
            _limit(model)
    if isinstance(model[0], Router) and not set(_TASKS) <= set(model[0].sub_modules):
        routes = ", ".join(model[0].sub_modules)
        raise InvalidInput(f"{base} has the routes {routes}; there have to be {' and '.join(_TASKS)}")
    if model.similarity_fn_name == "cosine" and not any(isinstance(module, Normalize) for module in model.modules()):
        model.append(Normalize())  # the index compares by inner product
    if shared and isinstance(model[0], Router):
        raise InvalidInput(f"{base} has a network for questions and one for passages; set shared = false")
    if shared is False and not isinstance(model[0], Router):
        modules = list(model)
        model = assemble([copy.deepcopy(modules), modules], model.similarity_fn_name, model.prompts)
    return BiEncoder(model, separator if title_separator is None else title_separator)


def is_dpr_pair(folder: Path) -> bool:
    """Whether the folder holds DPR's two encoders."""
    return all((folder / name / "config.json").is_file() for name in DPR_FOLDERS)


def assemble(
    towers: Sequence[list[Any]], similarity: Similarity, prompts: Mapping[str, str | None]
) -> SentenceTransformer:
    """A model of the modules for questions and of those for passages, or of one list of modules for both."""
    modules = [Router.for_query_document(towers[0], towers[1])] if len(towers) > 1 else towers[0]
    made = SentenceTransformer(modules=modules, device="cpu", prompts={k: v or "" for k, v in prompts.items()})
    made.similarity_fn_name = similarity
    return made


def bert_modules(
    network: BertModel, tokenizer: Any, max_length: int, pooling: Pooled, options: Mapping[str, Any] | None = None
) -> list[Any]:
    """A BERT and its pooling as modules; sentence-transformers takes a network only as a directory."""
    with tempfile.TemporaryDirectory() as temporary:
        network.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        longest = min(max_length, network.config.max_position_embeddings)
        transformer = Transformer(temporary, max_seq_length=longest, model_kwargs=dict(options or {}))
    return [transformer, Pooling(network.config.hidden_size, pooling_mode=pooling)]


def _load_dpr(folder: Path, options: Mapping[str, Any]) -> SentenceTransformer:
    """A DPR pair: the first token's state is the embedding, and inner products compare them (section 3.1)."""
    question = DPRQuestionEncoder.from_pretrained(folder / DPR_FOLDERS[0], dtype=torch.float32).question_encoder
    passage = DPRContextEncoder.from_pretrained(folder / DPR_FOLDERS[1], dtype=torch.float32).ctx_encoder
    encoders = zip((question, passage), DPR_FOLDERS, strict=True)
    return assemble([_dpr_modules(encoder, folder / name, options) for encoder, name in encoders], "dot", {})


def _dpr_modules(encoder: Any, folder: Path, options: Mapping[str, Any]) -> list[Any]:
    """A DPR encoder's BERT without its wrapper, its first token's state, and its projection where it has one."""
    fields = {k: v for k, v in encoder.config.to_dict().items() if k not in ("model_type", "architectures")}
    network = BertModel(BertConfig(**fields), add_pooling_layer=False)
    network.load_state_dict(encoder.bert_model.state_dict())
    modules = bert_modules(network, BertTokenizer.from_pretrained(folder), EncoderSettings.max_length, "cls", options)
    if encoder.projection_dim > 0:
        linear = encoder.encode_proj
        weights = {"init_weight": linear.weight.detach(), "init_bias": linear.bias.detach()}
        modules.append(Dense(linear.in_features, linear.out_features, activation_function=None, **weights))
    return modules


def _limit(model: SentenceTransformer) -> None:
    """Let a plain encoder see no more of a text than it has positions for, and no more than is usual here."""
    transformer: Any = model[0]
    positions = getattr(transformer.config, "max_position_embeddings", EncoderSettings.max_length)
    model.max_seq_length = min(EncoderSettings.max_length, positions)


def _separator(folder: Path) -> str:
    """What was written beside a model, or what is usual."""
    path = folder / SETTINGS
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(settings.get("title_separator", EncoderSettings.title_separator))
