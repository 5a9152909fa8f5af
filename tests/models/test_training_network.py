"""The replaced parts of the training network do what the replaced ones did."""

import pytest

torch = pytest.importorskip("torch")

import models.training.network as training_network  # noqa: E402
from models.training.network import PooledDropout, matmul_attention  # noqa: E402
from models.training.precision import choose_precision  # noqa: E402

CPU = torch.device("cpu")


@pytest.mark.parametrize("masked", ["no", "boolean", "additive"])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_matmul_attention_equals_torchs_own(masked: str, scaling: float | None) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(3, 2, 11, 8) for _ in range(3))
    allowed = torch.rand(3, 1, 1, 11) > 0.3
    allowed[..., 0] = True
    mask = {"no": None, "boolean": allowed, "additive": torch.where(allowed, 0.0, -1e4)}[masked]
    found, weights = matmul_attention(torch.nn.Module(), query, key, value, mask, scaling)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 11))
    if mask is not None:
        assert (weights.masked_select(~allowed.expand_as(weights)) == 0).all()
    torch.testing.assert_close(found, expected.transpose(1, 2), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_pooled_dropout_keeps_the_mean_and_drops_at_its_rate(p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_network, "POOL_ELEMENTS", 1 << 16)
    torch.manual_seed(0)
    dropout = PooledDropout(p)
    outputs = torch.stack([dropout(torch.ones(20, 300)) for _ in range(50)])
    assert outputs.mean().item() == pytest.approx(1, abs=0.02)
    assert (outputs == 0).float().mean().item() == pytest.approx(p, abs=0.02)
    kept = outputs[outputs != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p)))
    assert not torch.equal(outputs[0], outputs[1])


def test_pooled_dropout_follows_size_and_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_network, "POOL_ELEMENTS", 1 << 10)
    dropout = PooledDropout(0.2)
    for size, dtype in ((10, torch.float32), (5000, torch.float32), (7, torch.bfloat16)):
        output = dropout(torch.ones(size, dtype=dtype))
        assert (output.shape, output.dtype) == ((size,), dtype)


def test_pooled_dropout_does_nothing_outside_training() -> None:
    x = torch.randn(4, 5)
    assert torch.equal(PooledDropout(0.5).eval()(x), x)
    assert torch.equal(PooledDropout(0.0).train()(x), x)


def test_gradients_pass_where_units_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_network, "POOL_ELEMENTS", 1 << 10)
    x = torch.ones(200, requires_grad=True)
    output = PooledDropout(0.3)(x)
    output.sum().backward()
    assert torch.equal(x.grad, output.detach())


def test_precision_is_what_was_asked_for() -> None:
    assert choose_precision("fp32", CPU) == torch.float32
    assert choose_precision("bf16", CPU) == torch.bfloat16
    assert choose_precision("auto", torch.device("cuda")) == torch.bfloat16


def test_bf16_is_not_chosen_where_it_is_only_imitated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # what a processor without any arithmetic of the kind has
    assert choose_precision("auto", CPU) == torch.float32
