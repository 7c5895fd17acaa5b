"""Projector and language model, and how their answers are asked for and scored."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from model import LanguageModel, Projector
from questions import MOSTLY_READ, Question, description, random_question
from scenes import CHARACTERS, Thing
from tokenizer import VOCABULARY

READABLE = 45  # tenths of a view pixel of a character's height: smaller ones are asked about less


class Speaker(nn.Module):
    def __init__(self):
        super().__init__()
        self.projector, self.language = Projector(), LanguageModel(len(VOCABULARY))

    def forward(self, images: torch.Tensor, packed) -> torch.Tensor:
        """images [B, I * P, W] already in the language model's space, and pack.collate's tensors -> states [B, T, W]."""
        ids, places, _, mask, _ = packed
        x = self.language.embed_tokens(ids)
        x = torch.cat([x[:, :1], images.to(x.dtype), x[:, 1 + images.shape[1] :]], 1)
        return self.language(x, places, mask.to(torch.bfloat16) if torch.is_autocast_enabled("cpu") else mask)


def choose_questions(
    rng, things: list[Thing], views: list[np.ndarray], count: int, chances=MOSTLY_READ
) -> tuple[list[Question], list[bool]]:
    """Questions about a scene, and which of them ask for a character that can be read in one of the views.

    `views` holds the labels of each view. Things readable there, and things in the second view, are asked about more."""
    characters = [CHARACTERS.index(t.character) + 1 for t in things]
    everything = np.concatenate(views, 1)
    glyph = [everything[3][everything[2] == c].max(initial=0) for c in characters]
    weight = np.where(np.array(glyph) >= READABLE, 1.0, 0.4)
    if len(views) > 1:
        weight = weight * np.where(np.isin(characters, views[1][2]), 3.0, 1.0)
    picked = rng.choice(len(things), count, p=weight / weight.sum())
    questions = [random_question(things, rng, int(n), chances) for n in picked]
    if rng.random() < 0.5:
        questions[-1] = description(things)
    return questions, [q.family == "read" and glyph[q.thing] >= READABLE for q in questions]


def score(speaker: Speaker, states: torch.Tensor, packed, readable: list[list[bool]]):
    """The loss over the answers' words, and the share of readable characters named right."""
    targets, asks = packed[2], packed[4]
    at = targets >= 0
    loss = F.cross_entropy(speaker.language.logits(states[at]), targets[at])
    rows = [(b, a) for b, places in enumerate(asks) for a, can in zip(places, readable[b]) if can]
    if not rows:
        return loss, float("nan")
    b, a = torch.tensor(rows).T
    guess = speaker.language.logits(states[b, a]).argmax(-1)
    return loss, (guess == targets[b, a]).float().mean().item()
