"""Writes test/fixtures/rope.json with Hugging Face transformers: python reference/rope_fixtures.py

cos and sin of Llama's rotary embedding for several head sizes, bases and scalings, at positions up to 100,000.
"""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

TARGET = Path(__file__).resolve().parents[1] / "test" / "fixtures" / "rope.json"

POSITIONS = [0, 1, 2, 17, 575, 4095, 8191, 30_000, 65_535, 100_000]

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}

# head size, theta, scaling
CASES: list[tuple[int, float, dict[str, Any]]] = [
    (4, 10_000.0, {"rope_type": "default"}),
    (12, 20_000.0, {"rope_type": "default"}),
    (64, 10_000.0, {"rope_type": "default"}),
    (128, 1_000_000.0, {"rope_type": "default"}),
    (16, 10_000.0, {"rope_type": "linear", "factor": 4.0}),
    (20, 500_000.0, {"rope_type": "linear", "factor": 2.5}),
    (64, 500_000.0, LLAMA3),
    (16, 500_000.0, {**LLAMA3, "factor": 32.0}),
    (8, 10_000.0, {**LLAMA3, "low_freq_factor": 2.0, "high_freq_factor": 3.0, "original_max_position_embeddings": 64}),
    (32, 10_000.0, {**LLAMA3, "original_max_position_embeddings": 512}),
]


def tables(head_size: int, theta: float, scaling: dict[str, Any]) -> dict[str, Any]:
    config = LlamaConfig(head_dim=head_size, max_position_embeddings=131_072, rope_parameters={**scaling, "rope_theta": theta})
    rope = LlamaRotaryEmbedding(config)
    cos, sin = rope(torch.zeros(1, dtype=torch.float32), torch.tensor([POSITIONS]))
    half = head_size // 2
    assert torch.equal(cos[..., :half], cos[..., half:]) and torch.equal(sin[..., :half], sin[..., half:])
    settings = {"headSize": head_size, "theta": theta, "scaling": scaling}
    return {**settings, "cos": cos[0, :, :half].tolist(), "sin": sin[0, :, :half].tolist()}


def rounded(value: Any) -> Any:
    """Floats with the nine digits that tell every float32 from the next."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {key: rounded(item) for key, item in value.items()} if isinstance(value, dict) else value


cases = [rounded(tables(*case)) for case in CASES]
TARGET.write_text(json.dumps({"positions": POSITIONS, "cases": cases}, separators=(",", ":")) + "\n")
