"""Pictures made of words: a patch of a red circle with an F is the sum of the embeddings of `red`, `circle`, `F`.

The language model learns to look things up in these, with no picture rendered, while the vision tower still learns to
see. What a view is too coarse to show (a small character, a tiny thing's shape) is left out, by chance, as the tower will."""

import torch

from scenes import CHARACTER_CLASSES, COLOUR_CLASSES, PLACE_CLASSES, SHAPE_CLASSES
from tokenizer import IMAGE_ID, VOCABULARY

# Label n stands for word TABLE[kind][n - 1].
CLASSES = (COLOUR_CLASSES, SHAPE_CLASSES, CHARACTER_CLASSES, PLACE_CLASSES)
TABLE = [torch.tensor([VOCABULARY[w] for w in words]) for words in CLASSES]
SIZE = 4  # the row of the labels that says how large the text is


def clarity(labels: torch.Tensor) -> torch.Tensor:
    """How clearly each patch shows colour, shape, character, place: [..., 5, P] -> [..., 4, P] in 0 .. 1."""
    size = labels[..., SIZE, :].float() / 10
    shown = (labels[..., 0, :] > 0).float()
    bare = (labels[..., 2, :] == 0).float()  # without a text near: nothing small to make out
    outline = torch.maximum(bare, torch.sigmoid((size - 2.5) * 1.5))
    read = torch.sigmoid((size - 5) * 1.5) * (1 - bare)
    return torch.stack([shown, shown * outline, shown * read, shown * read], -2)


def symbolic(labels: torch.Tensor, embedding: torch.Tensor, noise: float) -> torch.Tensor:
    """labels [B, 5, P] -> picture tokens [B, P, W]."""
    strength = clarity(labels) * (1 + noise * torch.randn(labels.shape[0], len(TABLE), labels.shape[-1])).clamp(0.1, 2)
    embedding = embedding - embedding.mean(0)  # what all words share marks text: model.start_as_lookup
    out = torch.randn(labels.shape[0], labels.shape[-1], embedding.shape[1]) * (noise * embedding.shape[1] ** -0.5)
    out = out + (labels[:, 0, :, None] == 0) * embedding[IMAGE_ID]  # background
    for kind, table in enumerate(TABLE):
        word = embedding[table][(labels[:, kind].long() - 1).clamp(min=0)]
        out = out + strength[:, kind, :, None] * word
    return out
