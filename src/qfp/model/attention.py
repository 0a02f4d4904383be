"""Self-attention of the transformer blocks (Sec. V), full and linear, with its weights on request.

Everything is plain matrix products and softmax, so that the weights can be read and forward-mode
derivatives work.
"""

import torch
from torch import nn
from torch.nn import functional as F


class FullAttention(nn.Module):
    """Multi-head self-attention, Eqs. (1) and (2), over tokens x of shape (B, N, C).

    Eq. (1) of the paper sums the denominator from j = 1 to d, the dimension of the vectors. That is
    a slip: weights are normalised over the N keys (N = 225 at 15 x 15), which is what is done here,
    as in its reference [16]."""

    def __init__(self, channels, heads, head_dim):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.qkv = nn.Linear(channels, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, channels)

    def project(self, x):
        """Queries, keys and values, each (B, head, N, d)."""
        b, n, _ = x.shape
        qkv = self.qkv(x).view(b, n, 3, self.heads, self.head_dim)  # (B, N, 3, head, d)
        # contiguous: elementwise work is far slower without
        return qkv.permute(2, 0, 3, 1, 4).contiguous().unbind(0)

    def merge(self, x):
        """Heads (B, head, N, d) back to tokens (B, N, C)."""
        return self.out(x.transpose(1, 2).flatten(2))

    def attend(self, q, k):
        """A_ij of Eq. (1): softmax over the keys j of q_i . k_j / sqrt(d)."""
        logits = (q * self.head_dim**-0.5) @ k.transpose(-1, -2)
        return logits.softmax(-1)  # (B, head, query, key), rows sum to 1

    def forward(self, x):
        q, k, v = self.project(x)
        return self.merge(self.attend(q, k).to(v.dtype) @ v)  # Eq. (2), (B, N, C)

    @torch.no_grad()
    def weights(self, x):
        """Attention weights A_ij for tokens x (B, N, C): (B, head, query, key), rows sum to 1 over
        all N keys."""
        q, k, _ = self.project(x)
        return self.attend(q.float(), k.float())

    @torch.no_grad()
    def importance(self, x):
        """B_j = sum_i A_ij of Sec. V, the importance of pixel j: (B, head, N); its mean over j is
        1."""
        return self.weights(x).sum(-2)


class LinearAttention(FullAttention):
    """Linear attention (the paper's reference [18]): exp(q.k) becomes phi(q).phi(k) with phi = elu
    + 1, cost O(N d^2).

    A_ij = phi(q_i).phi(k_j) / z_i with z_i = phi(q_i) . sum_j phi(k_j), so rows sum to 1 here too.
    """

    @staticmethod
    def features(x):
        """phi(x) = elu(x) + 1 > 0."""
        return F.elu(x) + 1

    def forward(self, x):
        q, k, v = self.project(x)
        q, k = self.features(q), self.features(k)  # (B, head, N, d)
        context = k.transpose(-1, -2) @ v  # (B, head, d, d)
        # The normaliser sums N positive numbers: bf16 would stop counting at 256.
        # (B, head, N, 1)
        z = (q.float() * k.sum(-2, keepdim=True, dtype=torch.float32)).sum(-1, keepdim=True)
        return self.merge(((q @ context).float() / z).to(v.dtype))  # (B, N, C)

    @torch.no_grad()
    def weights(self, x):
        """Dense A_ij, (B, head, query, key), rows sum to 1; O(N^2), for looking only."""
        q, k, _ = self.project(x)
        q, k = self.features(q.float()), self.features(k.float())
        a = q @ k.transpose(-1, -2)
        return a / a.sum(-1, keepdim=True)

    @torch.no_grad()
    def importance(self, x):
        """B_j = sum_i A_ij = phi(k_j) . sum_i phi(q_i)/z_i, exact and without the N x N matrix: (B,
        head, N)."""
        q, k, _ = self.project(x)
        q, k = self.features(q.float()), self.features(k.float())
        z = q @ k.sum(-2).unsqueeze(-1)  # (B, head, N, 1)
        return (k @ (q / z).sum(-2).unsqueeze(-1)).squeeze(-1)
