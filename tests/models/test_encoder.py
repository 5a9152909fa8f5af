"""The encoder and its network: embeddings of unit length that do not depend on their neighbours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from models.artifact import load_artifact
from models.encoder import Encoder
from tests.models.texts import texts

SENTENCES = ["The keeper left the island in 1968.", "Rye bread rests for twenty hours.", "", "日本語 😀", "the " * 90]


def test_embeddings_have_unit_length_and_keep_their_order(encoder: Encoder) -> None:
    together = encoder.encode(SENTENCES)
    assert together.shape == (5, encoder.identity.dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for sentence, embedding in zip(SENTENCES, together, strict=True):
        np.testing.assert_array_equal(encoder.encode([sentence])[0], embedding)


@given(st.lists(texts(6), max_size=4))
@hypothesis_settings(max_examples=15)
def test_any_text_can_be_embedded(encoder: Encoder, some: list[str]) -> None:
    embeddings = encoder.encode(some)
    assert embeddings.shape == (len(some), 384)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_embeddings(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_a_very_long_text_is_seen_up_to_its_limit(encoder: Encoder) -> None:
    start = "the lighthouse " * 300
    one, other = encoder.encode([start + "x " * 50_000, start + "entirely different words"])
    np.testing.assert_array_equal(one, other)


def test_similar_texts_are_nearer_than_different_ones(encoder: Encoder) -> None:
    cat, kitten, tax, again = encoder.encode(
        ["A cat sleeps.", "A kitten is asleep.", "Tax law of 1990.", "A cat sleeps."]
    )
    assert float(cat @ again) == pytest.approx(1, abs=1e-5)
    assert cat @ kitten > 0.5 > cat @ tax


def test_the_encoder_is_identified_by_its_networks_checksum(encoder: Encoder) -> None:
    assert encoder.identity.checksum == load_artifact("encoder", "encoder").checksum
    assert encoder.identity.dimension == encoder.settings.dimension == 384
