"""Projector and language model, and how their answers are asked for and scored."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from model import LanguageModel, Projector
from questions import MOSTLY_READ, Question, description, random_question
from scenes import Scene, covered
from tokenizer import VOCABULARY

READABLE = 4.5  # view pixels: smaller texts are asked about less


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


def choose_questions(rng, scene: Scene, windows, count: int, chances=MOSTLY_READ) -> tuple[list[Question], list[bool]]:
    """Questions about a scene seen through windows, and which of them ask for a text that can be read in one of them.

    What is readable there, and what the second window holds, is asked about more."""
    asked = scene.asked
    size = {n: max(scene.things[n].legible(w) for w in windows) for n in asked}
    weight = np.array([1.0 if size[n] >= READABLE else 0.4 for n in asked])
    if len(windows) > 1:
        weight = weight * [3.0 if covered(scene.things[n].body, windows[1]) > 0.9 else 1.0 for n in asked]
    picked = rng.choice(asked, count, p=weight / weight.sum())
    questions = [random_question(scene, rng, int(n), chances) for n in picked]
    if rng.random() < 0.5:
        questions[-1] = description(scene)
    return questions, [q.family in ("read", "form") and size[q.things[0]] >= READABLE for q in questions]


def score(speaker: Speaker, states: torch.Tensor, packed, readable: list[list[bool]]):
    """The loss over the answers' words, and the share of readable texts whose first character is right."""
    targets, asks = packed[2], packed[4]
    at = targets >= 0
    loss = F.cross_entropy(speaker.language.logits(states[at]), targets[at])
    rows = [(b, a) for b, places in enumerate(asks) for a, can in zip(places, readable[b]) if can]
    if not rows:
        return loss, float("nan")
    b, a = torch.tensor(rows).T
    guess = speaker.language.logits(states[b, a]).argmax(-1)
    return loss, (guess == targets[b, a]).float().mean().item()
