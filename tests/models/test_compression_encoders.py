"""Encoders of every make become artifacts that embed as they do, also with a network for questions of its own."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from sentence_transformers import SentenceTransformer  # noqa: E402
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer  # noqa: E402

from app.cli import cli  # noqa: E402
from models.artifact import CARD, MODEL, QUESTION, TOKENIZER, Artifact, load_artifact, write_card  # noqa: E402
from models.compression.compress import compress  # noqa: E402
from models.compression.gate import Gate, TooLossy  # noqa: E402
from models.compression.precision import Precision  # noqa: E402
from models.encoder import Encoder  # noqa: E402
from models.training.bi_encoder import load_bi_encoder  # noqa: E402
from models.training.restore_encoder import restore_encoder  # noqa: E402
from store.errors import Damaged, InvalidInput  # noqa: E402
from tests.models.judged_files import write_beir, write_squad  # noqa: E402
from tests.models.tiny import save_tiny_dpr, write_pairs, write_questions  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)

TEXTS = ["the house is red", "what colour is the boat?", "a door"]
TITLES = ["house", "", "what"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_dpr(tmp_path_factory.mktemp("dpr"))


@pytest.fixture(scope="module")
def made(pair: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The DPR pair as an artifact in fp32."""
    out = tmp_path_factory.mktemp("made") / "dpr"
    compress(str(pair), "encoder", out, precision=Precision.fp32)
    return load_artifact(str(out), "encoder")


def test_a_dpr_pair_is_what_transformers_makes_of_it(pair: Path) -> None:
    """Both towers, title and text behind each other with [SEP] between them, and the first token's state."""
    from transformers import BertTokenizer, DPRContextEncoder, DPRQuestionEncoder

    model = load_bi_encoder(str(pair))
    tokenizer = BertTokenizer.from_pretrained(pair / "ctx_encoder")
    question = DPRQuestionEncoder.from_pretrained(pair / "question_encoder")
    passage = DPRContextEncoder.from_pretrained(pair / "ctx_encoder")  # from_pretrained puts both into evaluation
    with torch.inference_mode():
        ids = tokenizer(TEXTS[1], return_tensors="pt")["input_ids"]
        np.testing.assert_allclose(model.encode_questions([TEXTS[1]]), question(ids).pooler_output.numpy(), atol=1e-5)
        ids = tokenizer("house", TEXTS[0], return_tensors="pt")["input_ids"]
        found = model.encode([TEXTS[0]], ["house"])
        np.testing.assert_allclose(found, passage(ids).pooler_output.numpy(), atol=1e-5)


def test_an_artifact_of_two_networks_embeds_questions_by_the_one_and_passages_by_the_other(
    pair: Path, made: Artifact
) -> None:
    assert sorted(path.name for path in made.folder.iterdir()) == sorted([CARD, MODEL, QUESTION, TOKENIZER])
    encoder, model = Encoder(made, 1), load_bi_encoder(str(pair))
    np.testing.assert_allclose(encoder.encode_questions(TEXTS), model.encode_questions(TEXTS), atol=1e-3)
    np.testing.assert_allclose(encoder.encode(TEXTS, TITLES), model.encode(TEXTS, TITLES), atol=1e-3)
    assert np.abs(encoder.encode_questions(TEXTS) - encoder.encode(TEXTS)).max() > 0.1
    assert np.abs(encoder.encode(TEXTS, TITLES) - encoder.encode(TEXTS)).max() > 0.005
    assert made.card.settings == {
        "dimension": 32,
        "max_length": 128,
        "title_separator": " [SEP] ",
        "pooling": "cls",
        "normalize": False,
    }


def test_a_projection_is_part_of_the_network(tmp_path: Path) -> None:
    source = str(save_tiny_dpr(tmp_path / "dpr", projection_dim=16))
    artifact = compress(source, "encoder", tmp_path / "out")
    found, expected = Encoder(artifact, 1).encode(TEXTS), load_bi_encoder(source).encode(TEXTS)
    assert found.shape == (3, 16)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
    with pytest.raises(InvalidInput, match="train from its source"):
        restore_encoder(artifact, tmp_path / "restored")


def test_two_networks_can_be_restored(made: Artifact, tmp_path: Path) -> None:
    restore_encoder(made, tmp_path)
    model, encoder = load_bi_encoder(str(tmp_path)), Encoder(made, 1)
    assert (model.separate, model.cosine) == (True, False)
    np.testing.assert_allclose(model.encode(TEXTS, TITLES), encoder.encode(TEXTS, TITLES), atol=1e-3)
    np.testing.assert_allclose(model.encode_questions(TEXTS), encoder.encode_questions(TEXTS), atol=1e-3)


def test_pooling_prefixes_and_length_are_those_of_sentence_transformers(tiny_reader: Path, tmp_path: Path) -> None:
    modules: list[Any] = [Transformer(str(tiny_reader), max_seq_length=12), Pooling(32, pooling_mode="cls")]
    prompts = {"query": "what is ", "document": "the "}
    original = SentenceTransformer(modules=modules, prompts=prompts, device="cpu")
    original.save(str(tmp_path / "source"), create_model_card=False)
    artifact = compress(str(tmp_path / "source"), "encoder", tmp_path / "out", precision=Precision.fp32)
    assert artifact.card.settings == {
        "dimension": 32,
        "max_length": 12,
        "question_prefix": "what is ",
        "passage_prefix": "the ",
        "pooling": "cls",
    }
    encoder = Encoder(artifact, 1)
    texts = [*TEXTS, "red " * 30]
    options: dict[str, Any] = {"normalize_embeddings": True, "show_progress_bar": False}
    np.testing.assert_allclose(encoder.encode_questions(texts), original.encode_query(texts, **options), atol=1e-3)
    np.testing.assert_allclose(encoder.encode(texts), original.encode_document(texts, **options), atol=1e-3)


def test_embeddings_are_cut_to_their_first_dimensions_at_unit_length(tiny_reader: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    load_bi_encoder(str(tiny_reader)).save(source)
    write_pairs(tmp_path)
    gate = Gate((tmp_path / "colours",), max_recall_loss=100)
    compress(str(source), "encoder", tmp_path / "cut", precision=Precision.fp32, dimensions=8, gate=gate)
    artifact = load_artifact(str(tmp_path / "cut"), "encoder")
    whole, cut = load_bi_encoder(str(source)).encode(TEXTS)[:, :8], Encoder(artifact, 1).encode(TEXTS)
    np.testing.assert_allclose(cut, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-3)
    metrics = artifact.card.metrics
    assert metrics["gate_recall@10"] != metrics["gate_fp32_recall@10"], "the gate compares with whole embeddings"
    with pytest.raises(InvalidInput, match="are cut to 8 of 32 dimensions; train from its source"):
        restore_encoder(artifact, tmp_path / "restored")


@pytest.mark.parametrize("dimensions", [32, 99])
def test_embeddings_are_cut_to_fewer_dimensions_only(pair: Path, tmp_path: Path, dimensions: int) -> None:
    with pytest.raises(InvalidInput, match=f"--dimensions {dimensions}: the encoder's embeddings have 32"):
        compress(str(pair), "encoder", tmp_path / "out", dimensions=dimensions)
    with pytest.raises(InvalidInput, match="goes with an encoder's whole networks"):
        compress(str(pair), "encoder", tmp_path / "out", dimensions=8, keep_passages="encoder")


def test_what_cannot_be_exported_is_named(tiny_reader: Path, tmp_path: Path) -> None:
    modules: list[Any] = [Transformer(str(tiny_reader)), Pooling(32, pooling_mode="max")]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "source"), create_model_card=False)
    with pytest.raises(InvalidInput, match="only that by mean or cls"):
        compress(str(tmp_path / "source"), "encoder", tmp_path / "out")


def copied(artifact: Artifact, folder: Path) -> Path:
    shutil.copytree(artifact.folder, folder)
    return folder


def test_a_collection_is_bound_to_what_its_passages_were_encoded_with(made: Artifact, tmp_path: Path) -> None:
    identity = Encoder(made, 1).identity

    def changed(name: str, change: Callable[[Path, Artifact], Artifact]) -> Encoder:
        folder = copied(made, tmp_path / name)
        return Encoder(change(folder, load_artifact(str(folder), "encoder")), 1)

    def other_questions(folder: Path, artifact: Artifact) -> Artifact:
        shutil.copyfile(folder / MODEL, folder / QUESTION)
        return write_card(folder, artifact.card)

    def other_passages(folder: Path, artifact: Artifact) -> Artifact:
        shutil.copyfile(folder / QUESTION, folder / MODEL)
        return write_card(folder, artifact.card)

    def set_to(**settings: Any) -> Callable[[Path, Artifact], Artifact]:
        def change(folder: Path, artifact: Artifact) -> Artifact:
            return write_card(folder, artifact.card.model_copy(update={"settings": artifact.card.settings | settings}))

        return change

    assert changed("a", other_questions).identity == identity
    assert changed("b", set_to(question_prefix="what ")).identity == identity
    assert changed("c", other_passages).identity != identity
    assert changed("d", set_to(title_separator=" ")).identity != identity
    assert changed("e", set_to(passage_prefix="the ")).identity != identity


def test_a_question_network_that_was_changed_or_lost_is_damage(made: Artifact, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "copy")
    (folder / QUESTION).write_bytes(b"else")
    with pytest.raises(Damaged, match=r"question.onnx does not match"):
        load_artifact(str(folder), "encoder")
    (folder / QUESTION).unlink()
    with pytest.raises(Damaged, match=r"question.onnx is missing"):
        load_artifact(str(folder), "encoder")


def test_one_network_takes_the_place_of_two(made: Artifact, tiny_reader: Path, tmp_path: Path) -> None:
    out = copied(made, tmp_path / "out")
    compress(str(tiny_reader), "encoder", out, precision=Precision.fp32)
    assert sorted(path.name for path in out.iterdir()) == sorted([CARD, MODEL, TOKENIZER])
    encoder = Encoder.load(str(out), 1)
    np.testing.assert_array_equal(encoder.encode(TEXTS), encoder.encode_questions(TEXTS))


def test_both_networks_can_be_calibrated(pair: Path, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "questions.json")
    static = compress(str(pair), "encoder", tmp_path / "out", precision=Precision.int8_static, calibrate=questions)
    encoder, model = Encoder(static, 1), load_bi_encoder(str(pair))
    for found, expected in (
        (encoder.encode(TEXTS), model.encode(TEXTS)),
        (encoder.encode_questions(TEXTS), model.encode_questions(TEXTS)),
    ):
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9


def test_the_gate_measures_recall_and_refuses_an_encoder_that_lost_it(made: Artifact, tmp_path: Path) -> None:
    """The shipped encoder against a random one, which stands for one that compression broke."""
    gate = Gate((write_beir(tmp_path / "beir"), write_squad(tmp_path / "a.json")), split="test")
    shipped = load_artifact("encoder", "encoder")
    same = gate.measure(shipped, shipped, threads=1)
    assert same == {"gate_questions": 6, "gate_fp32_recall@10": 100.0, "gate_recall@10": 100.0}
    gate.check("encoder", same)

    far = write_far_beir(tmp_path / "far")
    gate = Gate((far,), max_recall_loss=20)
    measured = gate.measure(shipped, made, threads=1)
    assert measured["gate_fp32_recall@10"] == 100
    assert measured["gate_recall@10"] < 80
    with pytest.raises(TooLossy, match=r"recall@10 falls by .* --max-recall-loss"):
        gate.check("encoder", measured)
    replace(gate, max_recall_loss=100).check("encoder", measured)


def write_far_beir(folder: Path) -> Path:
    """Sixty documents, and twelve questions that repeat one each: ten of sixty are chance."""
    (folder / "qrels").mkdir(parents=True)
    texts = [f"{animal} {verb} {place}" for animal in ANIMALS for verb in VERBS for place in PLACES]
    corpus = "".join(f'{{"_id": "{n}", "text": "The {text}."}}\n' for n, text in enumerate(texts))
    chosen = range(2, 60, 5)
    (folder / "corpus.jsonl").write_text(corpus)
    (folder / "queries.jsonl").write_text("".join(f'{{"_id": "q{n}", "text": "which {texts[n]}?"}}\n' for n in chosen))
    judged = "".join(f"q{n}\t{n}\t1\n" for n in chosen)
    (folder / "qrels" / "dev.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


ANIMALS, VERBS = ["lion", "whale", "eagle", "ant", "horse"], ["sleeps", "eats", "fights", "hides"]
PLACES = ["in the forest", "by the river", "under the snow"]


def test_the_command_puts_an_encoder_to_its_gate(tiny_reader: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["compress", str(tiny_reader), "--kind", "encoder", "--out", str(out)]
    arguments += ["--gate", str(write_beir(tmp_path / "beir")), "--gate-split", "test", "--max-recall-loss", "100"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.stderr
    metrics = load_artifact(str(out), "encoder").card.metrics
    assert f"recall@10 {metrics['gate_recall@10']:.2f}, in fp32 {metrics['gate_fp32_recall@10']:.2f}" in result.stdout
