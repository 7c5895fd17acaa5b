"""A start from an exported checkpoint instead of from nothing: what train_vision.py and train_language.py then go on from.

    python warm.py MODEL_FOLDER VISION.pt LANGUAGE.pt

Words that the checkpoint does not know get an embedding of the usual length, a character that goes on with a text one
beside the character's own."""

import json
import os
import sys

import torch
from safetensors.torch import load_file

from checkpoints import save
from optimise import Optimiser
from speaker import Speaker
from tokenizer import VOCABULARY
from train_vision import Taught

TOWER, LANGUAGE = "vision_tower.vision_model.", "language_model.model."


def tower_weights(tensors: dict) -> dict:
    names = {k.removeprefix(TOWER): k for k in tensors if k.startswith(TOWER)}
    plain = lambda n: n.removeprefix("embeddings.").removeprefix("encoder.").replace("position_embedding.weight", "position_embedding")
    return {plain(n): tensors[k].float() for n, k in names.items()}


def embeddings(own: torch.Tensor, known: dict) -> torch.Tensor:
    middle = own.mean(0)
    length = (own - middle).norm(dim=1).mean()
    out = torch.empty(len(VOCABULARY), own.shape[1])
    for word, n in VOCABULARY.items():
        fresh = torch.nn.functional.normalize(torch.randn(own.shape[1]), dim=0) * length
        alike = known.get(word.removeprefix("##"))
        out[n] = own[known[word]] if word in known else middle + fresh
        if word.startswith("##") and alike is not None:
            out[n] = (own[alike] + middle + fresh) / 2
    return out


def main(folder: str, vision: str, language: str) -> None:
    torch.manual_seed(0)
    tensors = load_file(folder + "/model.safetensors")
    with open(folder + "/tokenizer.json") as file:
        known = json.load(file)["model"]["vocab"]
    if not os.path.exists(vision):
        taught = Taught()
        state = tower_weights(tensors)
        taught.tower.load_state_dict({k: state[k] for k in taught.tower.state_dict()})
        save(vision, taught, Optimiser(taught), 0)
    if not os.path.exists(language):
        speaker = Speaker()
        state = {k.removeprefix(LANGUAGE): v.float() for k, v in tensors.items() if k.startswith(LANGUAGE)}
        state["embed_tokens.weight"] = embeddings(state["embed_tokens.weight"], known)
        speaker.language.load_state_dict(state)
        save(language, speaker, Optimiser(speaker.language), 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
