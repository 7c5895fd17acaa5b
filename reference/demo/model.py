"""The two towers in plain PyTorch, with the tensor names of transformers' LLaVA checkpoints.

Sizes: B pictures, P = 100 patches, V vision width, H heads, D head width, L text length, W language width.
They compute what transformers computes (export.py checks it) and are a good deal faster on a CPU.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from scenes import GRID, PATCH, VIEW

VISION = dict(width=144, heads=9, inner=576, layers=5)  # plus one more layer, unused: LLaVA reads the one before the last
LANGUAGE = dict(width=160, heads=5, inner=448, layers=4, theta=1e6, eps=1e-5)
MEAN, STD = 0.5, 0.25  # pixel normalisation, the same for the three channels


def pixels(views: torch.Tensor) -> torch.Tensor:
    """uint8 [B, 80, 80, 3] -> normalised float [B, 3, 80, 80]."""
    return ((views.float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)


def attend(q, k, v, allowed=None):
    """Softmax attention written out: in bfloat16 on a CPU five times as fast as the fused one with its gradient."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if allowed is not None:
        scores = scores + allowed
    return scores.softmax(-1).to(v.dtype) @ v


class VisionAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        B, T, V = x.shape
        q, k, v = (p(x).view(B, T, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        mixed = attend(q, k, v)
        return self.out_proj(mixed.transpose(1, 2).reshape(B, T, V))


class VisionMLP(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class VisionLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int):
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attn, self.mlp = VisionAttention(width, heads), VisionMLP(width, inner)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class VisionTower(nn.Module):
    """CLIP's vision tower up to the layer LLaVA reads: normalised pixels [B, 3, 80, 80] -> features [B, P, V]."""

    def __init__(self, width: int, heads: int, inner: int, layers: int):
        super().__init__()
        self.patch_embedding = nn.Conv2d(3, width, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.3)
        self.position_embedding = nn.Parameter(torch.zeros(GRID * GRID + 1, width))
        self.pre_layrnorm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(VisionLayer(width, heads, inner) for _ in range(layers))
        start_as_convolution(self)

    def forward(self, x):
        w = self.patch_embedding.weight.flatten(1)
        x = F.linear(F.unfold(x, PATCH, stride=PATCH).transpose(1, 2), w)
        x = torch.cat([self.class_embedding.to(x.dtype).expand(len(x), 1, -1), x], 1) + self.position_embedding
        x = self.pre_layrnorm(x)
        for layer in self.layers:
            x = layer(x)
        return x[:, 1:]


def start_as_convolution(tower: VisionTower) -> None:
    """A start that sees neighbours: the patch embedding is a DCT, 16 channels hold 2-D sines of the position, and the
    nine heads of a layer look at the nine patches around each patch, as a 3 x 3 convolution does. All of it trains on."""
    width, held = VISION["width"], 16
    basis = torch.tensor(dct_basis(), dtype=torch.float32)  # [192, 3 * 64], ordered by frequency: luma first
    with torch.no_grad():
        tower.patch_embedding.weight.zero_()
        tower.patch_embedding.weight[: width - held] = basis[: width - held].view(-1, 3, PATCH, PATCH)
        at = torch.arange(GRID).float()
        turn = torch.outer(at, 2 * math.pi * torch.arange(1, 5) / 12)  # [10, 4]
        one = torch.stack([turn.cos(), turn.sin()], -1).flatten(1)  # [10, 8]
        place = torch.cat([one[:, None].expand(-1, GRID, -1), one[None].expand(GRID, -1, -1)], -1)  # rows, then columns
        tower.position_embedding[1:, width - held :] = place.reshape(-1, held) * 1.2
        for layer in tower.layers:
            look_around(layer.self_attn, width, held)


def look_around(attention: VisionAttention, width: int, held: int) -> None:
    offsets = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    for p in (attention.q_proj, attention.k_proj):
        p.weight.normal_(0, 0.02)
        p.bias.zero_()
    for head, offset in enumerate(offsets):
        rows = slice(head * held, head * held + held)
        attention.k_proj.weight[rows, width - held :] += torch.eye(held) * 2.2
        attention.q_proj.weight[rows, width - held :] += rotation(offset) * 2.2
    nn.init.orthogonal_(attention.v_proj.weight, 0.7)
    nn.init.orthogonal_(attention.out_proj.weight, 0.7)


def rotation(offset: tuple[int, int]) -> torch.Tensor:
    """Takes the sines of a place to the sines of the place `offset` cells away."""
    out = torch.zeros(16, 16)
    for axis in (0, 1):
        for n in range(4):
            a = 2 * math.pi * (n + 1) / 12 * offset[axis]
            i = axis * 8 + 2 * n
            out[i : i + 2, i : i + 2] = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    return out


def dct_basis() -> np.ndarray:
    n = np.arange(PATCH)
    one = np.array([np.cos(np.pi * (n + 0.5) * k / PATCH) * (1 if k else 0.5**0.5) for k in range(PATCH)]) / 2
    order = sorted(((a, b) for a in range(PATCH) for b in range(PATCH)), key=lambda ab: ab[0] + ab[1] + 0.01 * ab[0])
    planes = [np.outer(one[a], one[b]) * (0.35 + 0.25 * (a + b)) for a, b in order]  # finer waves are weaker in pictures
    luma, blue, red = (0.577, 0.577, 0.577), (-0.408, -0.408, 0.816), (0.707, -0.707, 0.0)
    mixed = [np.multiply.outer(luma, p) for p in planes]
    mixed += [np.multiply.outer(c, p) * 1.5 for p in planes for c in (blue, red)]
    return np.array(mixed).reshape(len(mixed), -1) * 0.25


class Projector(nn.Module):
    """LLaVA's two-layer projector. While it trains, a fixed whitening of the features stands before it, as the raw ones
    are badly scaled; export folds it into the first layer."""

    def __init__(self):
        super().__init__()
        width = VISION["width"]
        self.register_buffer("whiten", torch.eye(width)), self.register_buffer("middle", torch.zeros(width))
        self.linear_1 = nn.Linear(width, LANGUAGE["width"])
        self.linear_2 = nn.Linear(LANGUAGE["width"], LANGUAGE["width"])

    def measure(self, features: torch.Tensor) -> None:
        """Sets the whitening from a sample of features [N, V]."""
        self.middle.copy_(features.mean(0))
        values, vectors = torch.linalg.eigh(torch.cov(features.T))
        self.whiten.copy_(vectors @ torch.diag((values + 1e-3 * values.mean()) ** -0.5) @ vectors.T)

    def forward(self, x):
        x = (x.float() - self.middle) @ self.whiten
        return self.linear_2(F.gelu(self.linear_1(x)))

    def folded(self) -> dict[str, torch.Tensor]:
        """The weights of the plain two layers that compute the same."""
        w, b = self.linear_1.weight, self.linear_1.bias
        return {
            "linear_1.weight": w @ self.whiten,
            "linear_1.bias": b - w @ self.whiten @ self.middle,
            "linear_2.weight": self.linear_2.weight,
            "linear_2.bias": self.linear_2.bias,
        }


class RMSNorm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + LANGUAGE["eps"]) * self.weight


class LanguageAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x, turn, allowed):
        B, T, W = x.shape
        q, k, v = (p(x).view(B, T, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        mixed = attend(rotate(q, turn), rotate(k, turn), v, allowed)
        return self.o_proj(mixed.transpose(1, 2).reshape(B, T, W))


def rotate(x, turn):
    cos, sin = turn
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class LanguageMLP(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class LanguageLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(width), RMSNorm(width)
        self.self_attn, self.mlp = LanguageAttention(width, heads), LanguageMLP(width, inner)

    def forward(self, x, turn, allowed):
        x = x + self.self_attn(self.input_layernorm(x), turn, allowed)
        return x + self.mlp(self.post_attention_layernorm(x))


class LanguageModel(nn.Module):
    """Llama: embeddings [B, T, W], places [B, T] and the attention mask [B, 1, T, T] (added) -> normed states [B, T, W]."""

    def __init__(self, words: int):
        super().__init__()
        c = LANGUAGE
        self.embed_tokens = nn.Embedding(words, c["width"])
        self.layers = nn.ModuleList(LanguageLayer(c["width"], c["heads"], c["inner"]) for _ in range(c["layers"]))
        self.norm = RMSNorm(c["width"])
        half = c["width"] // c["heads"] // 2
        self.register_buffer("frequency", c["theta"] ** (-torch.arange(half) / half), persistent=False)
        start_as_lookup(self)

    def forward(self, x, places, allowed):
        angle = (places[..., None].float() * self.frequency).repeat(1, 1, 2)[:, None]
        turn = (angle.cos().to(torch.bfloat16), angle.sin().to(torch.bfloat16)) if torch.is_autocast_enabled("cpu") else (angle.cos(), angle.sin())
        for layer in self.layers:
            x = layer(x, turn, allowed)
        return self.norm(x)

    def logits(self, states):
        return states.float() @ self.embed_tokens.weight.T


def start_as_lookup(model: LanguageModel) -> None:
    """A start where like finds like (mimetic initialisation), on which retrieval grows in minutes; all of it trains on.

    Word embeddings share one direction that picture tokens have none of. In the first layer text looks at text and
    gathers its words; in the later layers text looks away from text, and a query finds the keys that hold the same
    words; what is found is handed on as it is (W_o = W_v^T)."""
    width, heads = LANGUAGE["width"], LANGUAGE["heads"]
    u = torch.full((width,), width**-0.5)
    rest = torch.eye(width) - torch.outer(u, u)
    words = len(model.embed_tokens.weight)
    model.embed_tokens.weight.data = 0.75 * F.normalize(torch.randn(words, width) @ rest, dim=-1) + 0.65 * u
    size = width // heads
    slow = torch.arange(width) % size % (size // 2) >= 6  # channels whose rotary angle hardly turns across a picture
    toward_text = torch.outer(slow * (slow.sum() / heads) ** -0.5, u)  # one unit vector in every head
    for n, layer in enumerate(model.layers):
        a = layer.self_attn
        like = nn.init.orthogonal_(torch.empty(width, width)) @ rest * slow[:, None]
        alike, key, query = (0.1, 0.75, 0.75) if n == 0 else (1.5, -3.0, 3.0)
        a.k_proj.weight.data = alike * like + key * toward_text
        a.q_proj.weight.data = alike * like + query * toward_text
        a.v_proj.weight.data = 0.7 * nn.init.orthogonal_(torch.empty(width, width)) @ rest
        a.o_proj.weight.data = a.v_proj.weight.data.T.clone()
        for p in (layer.mlp.gate_proj, layer.mlp.up_proj):
            nn.init.normal_(p.weight, 0, width**-0.5)
        nn.init.normal_(layer.mlp.down_proj.weight, 0, 0.1 * width**-0.5)
