"""The end of training: tower, projector and language model together, on rendered pictures.

The dense lesson of train_vision.py goes on beside the answers. Two one-thread processes share a step and average their
gradients, which on two cores is far faster than one process with two threads.

    python train_joint.py POOL VISION.pt SPEAKER.pt OUT.pt SECONDS     goes on from OUT if it is there
"""

import argparse
import os
import tempfile
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from model import pixels
from optimise import Optimiser
from pack import collate, pack
from pool import load_scenes, shards
from train_language import Speaker, choose_questions, score
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
        paths = shards(pool, "mixed") + shards(pool, "big")[:4]
        self.parts = [(load_scenes(p), np.load(p + "-views.npy", mmap_mode="r"), np.load(p + "-labels.npy", mmap_mode="r")) for p in paths]

    def batch(self, rng, args):
        images = 2 if rng.random() < args.two else 1
        blind = rng.random() < args.blind
        pictures, labels, packs, readable = [], [], [], []
        for _ in range(args.batch):
            scenes, views, all_labels = self.parts[rng.integers(len(self.parts))]
            n = int(rng.integers(len(scenes)))
            which = [0] + [int(rng.integers(1, views.shape[1]))] * (images - 1)
            seen = [all_labels[n, v] for v in which]
            questions, can = choose_questions(rng, scenes[n]["things"], seen, args.questions)
            light = rng.uniform(0.85, 1.12)
            pictures.append(np.clip(views[n, which] * light, 0, 255).astype(np.uint8))
            labels.append(seen), packs.append(pack(questions, images, blind)), readable.append(can)
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
    model, begun = Whole(), 0
    model.taught.load_state_dict(torch.load(args.vision)["model"])
    model.speaker.load_state_dict(torch.load(args.speaker)["model"])
    optimiser = Optimiser(model, rate=args.rate)
    if os.path.exists(args.out):
        kept = torch.load(args.out)
        model.load_state_dict(kept["model"]), optimiser.load_state_dict(kept["optimiser"])
        begun = kept["steps"]
    rng = np.random.default_rng([args.seed, begun, rank])
    scenes, parameters = Scenes(args.pool), list(model.parameters())
    clock, start, step, sums = torch.zeros(1), time.time(), begun, []
    while clock.item() < args.seconds:
        views, labels, packed, readable = scenes.batch(rng, args)
        with torch.autocast("cpu", torch.bfloat16):
            states, dense = model(views, packed)
            loss, right = score(model.speaker, states, packed, readable)
            taught, seen = losses(dense, labels.flatten(0, 1))
        (loss + DENSE * taught).backward()
        average_gradients(parameters, args.processes)
        spent = clock.item() / args.seconds
        optimiser.step(min(1, (step - begun + 1) / 50) * min(1, max(0.03, 1 - spent) / args.decay))
        clock.fill_(time.time() - start)
        dist.broadcast(clock, 0)
        step += 1
        sums.append([loss.item(), right, taught.item(), *seen])
        if rank == 0 and step % 25 == 0:
            m = np.nanmean(sums, 0)
            print(f"joint step {step} {clock.item():.0f}s loss {m[0]:.3f} readable {m[1]:.3f} dense {m[2]:.3f} colour {m[3]:.3f} shape {m[4]:.3f} character {m[5]:.3f}", flush=True)
            sums = []
        if rank == 0 and step % 100 == 0:
            save(args.out, model, optimiser, step)
    if rank == 0:
        save(args.out, model, optimiser, step)
    dist.destroy_process_group()


def save(path, model, optimiser, steps):
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "steps": steps}, path + ".tmp")
    os.rename(path + ".tmp", path)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("pool"), p.add_argument("vision"), p.add_argument("speaker"), p.add_argument("out"), p.add_argument("seconds", type=float)
    p.add_argument("--processes", type=int, default=2), p.add_argument("--batch", type=int, default=12), p.add_argument("--questions", type=int, default=16)
    p.add_argument("--rate", type=float, default=0.5), p.add_argument("--decay", type=float, default=0.7), p.add_argument("--seed", type=int, default=0)
    p.add_argument("--two", type=float, default=0.55), p.add_argument("--blind", type=float, default=0.0)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (args, folder + "/meeting"), args.processes)
