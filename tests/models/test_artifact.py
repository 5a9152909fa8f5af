"""Artifacts: a directory whose files are what its card says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.artifact import CARD, MODEL, SHIPPED, TOKENIZER, load_artifact, write_card
from models.encoder import Encoder
from models.network import OnnxNetwork
from store.errors import Damaged, InvalidInput, NotFound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped encoder's directory."""
    return Path(shutil.copytree(SHIPPED / "encoder", tmp_path / "copy"))


def edit_card(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(card | changes), encoding="utf-8")


@pytest.mark.parametrize(("name", "kind"), [("encoder", "encoder"), ("base", "reader"), ("fast", "reader")])
def test_shipped_models_match_their_cards(name: str, kind: Any) -> None:
    artifact = load_artifact(name, kind)
    assert artifact.card.name == name
    assert {MODEL, TOKENIZER} <= artifact.card.bytes.keys()
    assert artifact.card.bytes == {p.name: p.stat().st_size for p in (SHIPPED / name).iterdir() if p.name != CARD}
    assert artifact.checksum == artifact.card.sha256[MODEL]
    assert artifact.tokenizer.padding is None
    assert artifact.tokenizer.truncation is None


def test_the_shipped_encoders_card_says_what_it_is() -> None:
    card = load_artifact("encoder", "encoder").card
    assert card.licence == "Apache-2.0 AND CC-BY-SA-4.0", "the network for questions has learned from CC BY-SA texts"
    assert card.settings["dimension"] == 384
    assert card.precision


def test_a_model_is_loaded_by_its_directory(folder: Path) -> None:
    assert load_artifact(str(folder), "encoder").checksum == load_artifact("encoder", "encoder").checksum


def test_a_directory_may_have_a_plain_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert load_artifact(folder.name, "encoder").folder == Path(folder.name)


@pytest.mark.parametrize("settings", [{}, {"dimension": 384, "colour": "blue"}])
def test_settings_that_do_not_fit_are_damage(folder: Path, settings: dict[str, Any]) -> None:
    edit_card(folder, settings=settings)
    with pytest.raises(Damaged, match="settings that do not fit"):
        Encoder.load(str(folder))


@pytest.mark.parametrize("name", ["unknown", "/nowhere/at/all", "../shipped", ""])
def test_an_unknown_name_is_not_found_and_lists_the_shipped(name: str) -> None:
    with pytest.raises(NotFound, match=r"Shipped models: .*base, encoder"):
        load_artifact(name, "reader")


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'encoder' is of kind 'encoder'; this place takes 'reader'"):
        load_artifact("encoder", "reader")


@pytest.mark.parametrize("file", [MODEL, TOKENIZER])
def test_a_changed_file_is_damaged(folder: Path, file: str) -> None:
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    with pytest.raises(Damaged, match="does not match the SHA-256"):
        load_artifact(str(folder), "encoder")


@pytest.mark.parametrize("file", [MODEL, TOKENIZER])
def test_a_missing_file_is_damaged(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(Damaged, match="is missing"):
        load_artifact(str(folder), "encoder")


def test_a_card_without_checksums_is_damaged(folder: Path) -> None:
    edit_card(folder, sha256={})
    with pytest.raises(Damaged, match="SHA-256"):
        load_artifact(str(folder), "encoder")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"name": "x", "kind": "poem"}'])
def test_a_card_that_is_none_is_damaged(folder: Path, content: bytes) -> None:
    (folder / CARD).write_bytes(content)
    with pytest.raises(Damaged, match="is not a model's card"):
        load_artifact(str(folder), "encoder")


def test_a_card_with_an_unknown_key_is_damaged(folder: Path) -> None:
    edit_card(folder, surprise=1)
    with pytest.raises(Damaged, match="surprise"):
        load_artifact(str(folder), "encoder")


def test_a_written_card_is_read_back(folder: Path) -> None:
    card = load_artifact(str(folder), "encoder").card.model_copy(update={"name": "größer", "metrics": {"f1": 1.5}})
    (folder / TOKENIZER).write_bytes((folder / TOKENIZER).read_bytes() + b"\n")
    written = write_card(folder, card)
    assert load_artifact(str(folder), "encoder").card == written.card
    assert written.card.sha256[TOKENIZER] != card.sha256[TOKENIZER]


def test_a_file_that_is_no_network_is_damaged(tmp_path: Path) -> None:
    (tmp_path / MODEL).write_bytes(b"not a network")
    with pytest.raises(Damaged, match="ONNX Runtime cannot load"):
        OnnxNetwork(tmp_path / MODEL)
