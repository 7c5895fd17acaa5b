"""Pictures made of words: a patch of a red circle with an F is the sum of the embeddings of `red`, `circle`, `F`.

The language model learns to look things up in these, with no picture rendered, while the vision tower still learns to
see. What a view is too coarse to show (a small character, a tiny thing's shape) is left out, by chance, as the tower will."""

import numpy as np
import torch

from scenes import CHARACTERS, COLOUR_NAMES, SHAPE_NAMES
from tokenizer import IMAGE_ID, VOCABULARY

# Label n stands for word TABLE[kind][n - 1].
TABLE = [torch.tensor([VOCABULARY[w] for w in words]) for words in (COLOUR_NAMES, SHAPE_NAMES, CHARACTERS)]
KINDS = (len(COLOUR_NAMES) + 1, len(SHAPE_NAMES) + 1, len(CHARACTERS) + 1)


def clarity(labels: torch.Tensor) -> torch.Tensor:
    """How clearly each patch shows colour, shape, character: [..., 4, P] -> [..., 3, P] in 0 .. 1."""
    glyph = labels[..., 3, :].float() / 10
    shown = (labels[..., 0, :] > 0).float()
    return torch.stack([shown, shown * torch.sigmoid((glyph - 2.5) * 1.5), shown * torch.sigmoid((glyph - 5) * 1.5)], -2)


def symbolic(labels: torch.Tensor, embedding: torch.Tensor, noise: float) -> torch.Tensor:
    """labels [B, 4, P] -> picture tokens [B, P, W]."""
    strength = clarity(labels) * (1 + noise * torch.randn(labels.shape[0], 3, labels.shape[-1])).clamp(0.1, 2)
    embedding = embedding - embedding.mean(0)  # what all words share marks text: model.start_as_lookup
    out = torch.randn(labels.shape[0], labels.shape[-1], embedding.shape[1]) * (noise * embedding.shape[1] ** -0.5)
    out = out + (labels[:, 0, :, None] == 0) * embedding[IMAGE_ID]  # background
    for kind in range(3):
        word = embedding[TABLE[kind]][(labels[:, kind].long() - 1).clamp(min=0)]
        out = out + strength[:, kind, :, None] * word
    return out
