"""The end of training: tower, projector and language model together, on rendered pictures.

The dense lesson of train_vision.py goes on beside the answers. Two one-thread processes share a step and average their
gradients, which on two cores is far faster than one process with two threads.

    python train_joint.py POOL VISION.pt SPEAKER.pt OUT.pt STEPS     goes on from OUT.pt if it is there
"""

import argparse
import tempfile
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from checkpoints import EVERY, course, resume, save
from model import pixels
from optimise import Optimiser
from pack import collate, pack
from pool import load_scenes, shards
from questions import MIXED
from speaker import Speaker, choose_questions, score
from train_vision import Taught, losses

DENSE = 0.25  # weight of the dense lesson


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.taught, self.speaker = Taught(), Speaker()

    def forward(self, views, packed):
        """views uint8 [B, I, 80, 80, 3] -> states [B, T, W], and the dense lesson's logits."""
        B, I = views.shape[:2]
        found = self.taught.tower(pixels(views.flatten(0, 1)))
        dense = self.taught.heads(self.taught.norm(found)).split(self.taught.kinds, -1)
        images = self.speaker.projector(found).view(B, -1, self.speaker.language.embed_tokens.embedding_dim)
        return self.speaker(images, packed), dense


class Scenes:
    def __init__(self, pool: str):
        paths = shards(pool, "rich") + shards(pool, "mixed")[:2]
        self.parts = [
            (load_scenes(p), np.load(p + "-views.npy", mmap_mode="r"), np.load(p + "-labels.npy", mmap_mode="r"))
            for p in paths
        ]

    def batch(self, rng, args):
        images = 2 if rng.random() < args.two else 1
        pictures, labels, packs, readable = [], [], [], []
        for _ in range(args.batch):
            scenes, views, all_labels = self.parts[rng.integers(len(self.parts))]
            n = int(rng.integers(len(scenes)))
            which = [0] + [int(rng.integers(1, views.shape[1]))] * (images - 1)
            scene, windows = scenes[n]
            questions, can = choose_questions(rng, scene, [windows[v] for v in which], args.questions, MIXED)
            light = rng.uniform(0.85, 1.12)
            pictures.append(np.clip(views[n, which] * light, 0, 255).astype(np.uint8))
            labels.append(all_labels[n, which])
            packs.append(pack(questions, images))
            readable.append(can)
        return torch.from_numpy(np.array(pictures)), torch.from_numpy(np.array(labels)).long(), collate(packs), readable


def average_gradients(parameters, processes: int) -> None:
    flat = torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros_like(p).flatten() for p in parameters])
    dist.all_reduce(flat)
    at = 0
    for p in parameters:
        p.grad = flat[at : at + p.numel()].view_as(p) / processes
        at += p.numel()


def work(rank: int, args, meeting: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=args.processes)
    torch.manual_seed(0)
    model = Whole()
    model.taught.load_state_dict(torch.load(args.vision)["model"])
    model.speaker.load_state_dict(torch.load(args.speaker)["model"])
    optimiser = Optimiser(model, rate=args.rate)
    begun = resume(args.out, model, optimiser)
    rng = np.random.default_rng([begun, rank])
    scenes, parameters = Scenes(args.pool), list(model.parameters())
    start, sums = time.time(), []
    for step in range(begun, args.steps):
        views, labels, packed, readable = scenes.batch(rng, args)
        with torch.autocast("cpu", torch.bfloat16):
            states, dense = model(views, packed)
            loss, right = score(model.speaker, states, packed, readable)
            taught, seen = losses(dense, labels.flatten(0, 1))
        (loss + DENSE * taught).backward()
        average_gradients(parameters, args.processes)
        optimiser.step(course(step, args.steps, warm=50, flat=0.3))
        sums.append([loss.item(), right, *seen])
        if rank == 0 and (step + 1) % 25 == 0:
            m = np.nanmean(sums, 0)
            print(
                f"{time.time() - start:.0f}s joint step {step + 1} loss {m[0]:.3f} readable {m[1]:.3f} "
                f"colour {m[2]:.3f} shape {m[3]:.3f} character {m[4]:.3f} place {m[5]:.3f}",
                flush=True,
            )
            sums = []
        if rank == 0 and ((step + 1) % EVERY == 0 or step + 1 == args.steps):
            save(args.out, model, optimiser, step + 1)
    dist.destroy_process_group()


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    for name in ("pool", "vision", "speaker", "out"):
        p.add_argument(name)
    p.add_argument("steps", type=int)
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("--batch", type=int, default=12, help="pictures a step and process")
    p.add_argument("--questions", type=int, default=16, help="about each picture")
    p.add_argument("--two", type=float, default=0.55, help="share of batches with a second picture")
    p.add_argument("--rate", type=float, default=0.3)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (args, folder + "/meeting"), args.processes)
