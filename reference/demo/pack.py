"""Many questions about one picture in one sequence.

The picture's tokens come once; every question follows them as if it were alone: it has the places right behind the
picture and sees the picture and itself only. So the picture's share of the work is paid once for all its questions.
"""

import numpy as np
import torch

from scenes import GRID
from tokenizer import BOS_ID, PAD_ID, answer_ids, question_ids

PATCHES = GRID * GRID


def pack(questions: list, images: int, blind: bool = False):
    """ids, places, targets (-1: not scored), segments (0 the picture, -1 padding) and `asks`, the index of each
    question's last prompt token. `blind`: the words of the question do not see the picture, only the answer does."""
    prefix = 1 + images * PATCHES
    ids, places, targets = [BOS_ID] + [PAD_ID] * (prefix - 1), list(range(prefix)), [-1] * prefix
    segments, sighted, asks = [0] * prefix, [1] * prefix, []
    for n, q in enumerate(questions):
        asked, answer = question_ids(q.text), answer_ids(q.answer)
        asks.append(len(ids) + len(asked) - 1)
        ids += asked + answer[:-1]
        targets += [-1] * (len(asked) - 1) + answer
        length = len(asked) + len(answer) - 1
        places += range(prefix, prefix + length)
        segments += [n + 1] * length
        sighted += [0 if blind else 1] * (len(asked) - 1) + [1] * len(answer)
    return ids, places, targets, segments, sighted, asks


def collate(packs):
    """Pads to equal length: tensors ids, places, targets [B, T], the added mask [B, 1, T, T], and the asks."""
    length = max(len(p[0]) for p in packs)
    fill = (PAD_ID, 0, -1, -1, 1)
    rows = [np.array([p[k] + [fill[k]] * (length - len(p[k])) for p in packs]) for k in range(5)]
    ids, places, targets, segments, sighted = (torch.from_numpy(r) for r in rows)
    order = torch.arange(length)
    causal = order[:, None] >= order[None]
    same = segments[:, :, None] == segments[:, None]
    picture = (segments[:, None] == 0) & (sighted[:, :, None] == 1)
    picture[:, :, 0] = True
    allowed = causal & (same | picture)
    mask = torch.zeros(allowed.shape).masked_fill(~allowed, -1e4)[:, None]
    return ids, places, targets, mask, [p[5] for p in packs]
