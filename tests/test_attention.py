"""Both attentions against PyTorch's own, and their weights against the dense form."""

import pytest
import torch
from torch.nn import functional as F

from qfp.model.attention import FullAttention, LinearAttention

N = 225  # tokens of a 15 x 15 image


@pytest.fixture(params=[FullAttention, LinearAttention])
def attention(request):
    return request.param(24, 4, 6)


def test_full_attention_is_pytorchs():
    attention, x = FullAttention(24, 4, 6), torch.randn(2, N, 24)
    q, k, v = attention.project(x)
    torch.testing.assert_close(
        attention(x), attention.merge(F.scaled_dot_product_attention(q, k, v))
    )


def test_full_attention_is_the_multihead_attention_of_pytorch():
    ours, theirs, x = (
        FullAttention(24, 4, 6),
        torch.nn.MultiheadAttention(24, 4, batch_first=True),
        torch.randn(2, N, 24),
    )
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight)
        theirs.in_proj_bias.zero_()
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    output, weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(ours(x), output)
    torch.testing.assert_close(ours.weights(x), weights)


def test_weights_are_those_that_the_forward_path_uses(attention):
    """Linear attention, too: its O(N d²) path equals x̃_i = sum_j A_ij v_j (Eq. 2)."""
    x = torch.randn(2, N, 24)
    v = attention.project(x)[2]
    torch.testing.assert_close(
        attention(x), attention.merge(attention.weights(x) @ v), rtol=1e-4, atol=1e-5
    )


def test_rows_sum_to_one_over_all_keys(attention):
    weights = attention.weights(3 * torch.randn(2, N, 24))
    assert weights.shape == (2, 4, N, N) and (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, N))


def test_importance_is_the_sum_over_queries(attention):
    x = torch.randn(2, N, 24)
    importance = attention.importance(x)
    torch.testing.assert_close(importance, attention.weights(x).sum(-2), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(importance.mean(-1), torch.ones(2, 4))


def test_looking_at_weights_changes_nothing(attention):
    x = torch.randn(2, N, 24, requires_grad=True)
    before = attention(x)
    assert not attention.weights(x).requires_grad
    assert torch.equal(before, attention(x))


def test_bf16_keeps_the_normaliser():
    """phi > 0 sums to far over 256 for 900 tokens, where bf16 stops counting in ones."""
    attention, x = LinearAttention(24, 4, 6), torch.randn(1, 900, 24)
    want = attention(x)
    with torch.autocast("cpu", torch.bfloat16):
        got = attention(x).float()
    assert (got - want).norm() / want.norm() < 0.02


def test_forward_mode_derivatives_work(attention):
    x, tangent = torch.randn(2, 1, 9, 24).unbind()
    _, derivative = torch.func.jvp(attention, (x,), (tangent,))
    step = 1e-3
    finite = (attention(x + step * tangent) - attention(x - step * tangent)) / (2 * step)
    torch.testing.assert_close(derivative, finite, rtol=2e-2, atol=2e-3)
