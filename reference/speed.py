"""vicrop's time for a whole question beside that of the official formulas in PyTorch: same weights, picture, threads.

    npm run build
    python reference/speed.py                  # the demo model
    python reference/speed.py --model llava    # random weights, LLaVA-1.5-7B with 4 of its 32 language layers; 5.6 GB
    python reference/speed.py --model small    # the same way with 1 GB, to try this script
    python reference/speed.py --model FOLDER   # a LLaVA-1.5 checkpoint of yours
    python reference/speed.py --model FOLDER --dtype bfloat16 --vicrop-dtype q4 --apart --lean    # 7 billion weights, 24 GB

A question: the plain answer, the map, the crop, the answer from picture and crop, each answer at most a few tokens.
PyTorch does what the official code of arXiv 2502.17422 does, on the CPU, in float32 unless told otherwise: `generate`, for the map whole
forward passes with eager attention for the question and, where the method has it, for the general prompt, then
`generate` with both pictures. Its parameters ask for gradients, as there. The two take turns, with a rest between them
in which the other's threads go to sleep, and the time is that from a decoded picture to the answer. The machine must
have nothing else to do.

With --apart each side asks all its questions while the other is closed, for checkpoints that do not fit into memory twice.
With --lean PyTorch keeps no graph that its formula does not go back through, which the official code does.

Not as in the official code, and on both sides alike: float32 by default, edges of the model's own input (formulas.py), the layer
at LLaVA's share of the depth, PIL's resizing so that both see the same pixels.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPImageProcessorPil, LlavaForConditionalGeneration, LlavaProcessor
from transformers.utils import logging

from fixtures.formulas import (
    Array,
    Variant,
    geometry,
    gradient_attention,
    pure_gradient,
    relative_attention,
    select_crop,
)
from fixtures.prompts import GENERAL, prompt

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "demo" / "model"
REST = 0.1  # seconds: threads that wait for more work spin for less

# Shapes of bench/checkpoint.ts, as JavaScript.
SHAPES = {
    "llava": "llava7b(4)",
    "small": "{ ...llava7b(3), intermediateSize: 512, vocabularySize: 512, visionLayers: 3 }",
}


@dataclass(frozen=True)
class Answered:
    ms: float
    crop: dict[str, int]
    plain: str
    answer: str
    image_tokens: int | None = None  # that went through the language model


@dataclass
class PyTorch:
    """The official code's way to ask, for LLaVA."""

    model: LlavaForConditionalGeneration
    processor: LlavaProcessor
    layers: list[int]
    max_new_tokens: int
    lean: bool
    image_tokens: int = 0

    @property
    def image_size(self) -> int:
        return self.model.config.vision_config.image_size

    @property
    def patch(self) -> int:
        return self.model.config.vision_config.patch_size

    def ask(self, image: Image.Image, question: str, make_map: "MakeMap") -> Answered:
        start, self.image_tokens = time.perf_counter(), 0
        plain = self.answer(question, [image])
        where = geometry("crop", image.width, image.height, self.image_size, self.patch)
        importance = make_map(self, image, question).reshape(where.y.cells, where.x.cells)
        chosen = select_crop(importance, where, self.image_size)
        crop = require_crop(chosen["box"], chosen["reason"])
        answer = self.answer(question, [image, cut(image, crop)])
        return Answered(1000 * (time.perf_counter() - start), crop, plain, answer, self.image_tokens)

    def inputs(self, question: str, images: list[Image.Image]) -> dict[str, torch.Tensor]:
        made = self.processor(text=prompt(question, len(images)), images=images, return_tensors="pt")
        self.image_tokens += int(self.is_image(made["input_ids"]).sum())
        return made

    def is_image(self, ids: torch.Tensor) -> torch.Tensor:
        return ids[0] == self.model.config.image_token_index

    def answer(self, question: str, images: list[Image.Image]) -> str:
        inputs = self.inputs(question, images)
        made = self.model.generate(**inputs, do_sample=False, max_new_tokens=self.max_new_tokens)
        new = made[0, inputs["input_ids"].shape[1] :]
        return self.processor.tokenizer.decode(new, skip_special_tokens=True).strip()

    def attentions(self, image: Image.Image, question: str, with_gradient: bool) -> tuple[Array, Array | None]:
        """Last position to image tokens in the layers asked for, and dv/dA there: [L, H, T] each."""
        inputs = self.inputs(question, [image])
        with torch.set_grad_enabled(with_gradient or not self.lean):
            output = self.model(**inputs, output_attentions=True)
        chosen, at = [output.attentions[layer] for layer in self.layers], self.is_image(inputs["input_ids"])
        gradients = torch.autograd.grad(likeliest(output.logits), chosen) if with_gradient else None

        def rows(tensors: Any) -> Array:
            return torch.stack([tensor[0, :, -1, at] for tensor in tensors]).detach().float().numpy()

        return rows(chosen), None if gradients is None else rows(gradients)

    def pixel_gradient(self, image: Image.Image, question: str) -> Array:
        """[3, height, width]"""
        inputs = self.inputs(question, [image])
        pixels = inputs["pixel_values"].requires_grad_()
        v = likeliest(self.model(**inputs).logits)
        return torch.autograd.grad(v, pixels)[0][0].float().numpy()

    def input_pixels(self, image: Image.Image) -> Array:
        """[3, height, width], 0 to 1"""
        read = self.processor.image_processor(image, return_tensors="np", do_rescale=False, do_normalize=False)
        return read["pixel_values"][0].astype(np.float32) / np.float32(255)


MakeMap = Callable[[PyTorch, Image.Image, str], Array]


def likeliest(logits: torch.Tensor) -> torch.Tensor:
    """v: the log probability of the likeliest next token."""
    return logits[0, -1].float().log_softmax(-1).max()


def rel_att(torch_side: PyTorch, image: Image.Image, question: str) -> Array:
    specific, _ = torch_side.attentions(image, question, with_gradient=False)
    general, _ = torch_side.attentions(image, GENERAL, with_gradient=False)
    return relative_attention(specific.mean(1), general.mean(1)).mean(0)


def grad_att(torch_side: PyTorch, image: Image.Image, question: str) -> Array:
    attention, gradient = torch_side.attentions(image, question, with_gradient=True)
    return gradient_attention(attention, gradient).mean(0)


def pure_grad(variant: Variant) -> MakeMap:
    def make_map(torch_side: PyTorch, image: Image.Image, question: str) -> Array:
        edges = torch_side.input_pixels(image)
        gradient = torch_side.pixel_gradient(image, question)
        general = torch_side.pixel_gradient(image, GENERAL) if variant == "code" else gradient
        return pure_gradient(gradient, edges, torch_side.patch, variant, general)

    return make_map


# Ways to ask, by name: what PyTorch does, and what vicrop is told.
WAYS: dict[str, tuple[MakeMap, dict[str, str]]] = {
    "rel-att": (rel_att, {"method": "rel-att"}),
    "grad-att": (grad_att, {"method": "grad-att"}),
    "pure-grad code": (pure_grad("code"), {"method": "pure-grad", "variant": "code"}),
    "pure-grad paper": (pure_grad("paper"), {"method": "pure-grad", "variant": "paper"}),
}

# Lines of the table: title, PyTorch's way, vicrop's way.
LINES: list[tuple[str, str, str]] = [
    ("rel-att", "rel-att", "rel-att"),
    ("grad-att", "grad-att", "grad-att"),
    ("pure-grad, both as the official code", "pure-grad code", "pure-grad code"),
    ("pure-grad, both as the paper: PyTorch without general prompt", "pure-grad paper", "pure-grad paper"),
    ("pure-grad, PyTorch as the official code, vicrop as the paper", "pure-grad code", "pure-grad paper"),
]


class Vicrop:
    """A process of bench/question.ts, which stays for many questions."""

    def __init__(self, model: Path, side: int, threads: int, dtype: str) -> None:
        script = ROOT / "out" / "bench" / "question.js"
        if not script.exists():
            raise SystemExit(f"{script.relative_to(ROOT)} is not there: npm run build")
        command = ["node", str(script), str(model), str(side), str(threads), dtype]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.opened = self.read()

    def read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("vicrop's process has ended; its error stands above")
        return json.loads(line)

    def ask(self, options: dict[str, str]) -> Answered:
        self.process.stdin.write(json.dumps(options) + "\n")
        self.process.stdin.flush()
        got = self.read()
        crop = require_crop(got["crop"], got["cropReason"])
        return Answered(got["ms"], crop, got["plainAnswer"], got["answer"])

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def patchwork(side: int) -> Image.Image:
    """Coloured squares: the picture of bench/workload.ts."""
    at = np.floor(np.arange(side) / (side / 16)).astype(np.int64)
    nth = at[:, None] * 16 + at
    return Image.fromarray((nth[..., None] * [37, 101, 193] % 256).astype(np.uint8), "RGB")


def require_crop(crop: dict[str, int] | None, reason: str) -> dict[str, int]:
    """A question without a crop is answered once, and would look fast."""
    if crop is None:
        raise SystemExit(f"nothing was cropped: {reason}")
    return crop


def cut(image: Image.Image, box: dict[str, int]) -> Image.Image:
    return image.crop((box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]))


@contextmanager
def checkpoint(name: str) -> Iterator[Path]:
    """The demo model, a folder, or random weights in a temporary one."""
    if name not in SHAPES:
        yield DEMO if name == "demo" else Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="vicrop-speed-") as folder:
        write_random(SHAPES[name], Path(folder))
        yield Path(folder)


def write_random(shape: str, folder: Path) -> None:
    module = (ROOT / "out" / "bench" / "checkpoint.js").as_uri()
    write = f"await writeRandomCheckpoint({json.dumps(str(folder))}, {shape}, {json.dumps(str(DEMO))})"
    source = f"import {{ llava7b, writeRandomCheckpoint }} from {json.dumps(module)}\n{write}"
    subprocess.run(["node", "--input-type=module", "--eval", source], check=True)


def load(folder: Path, opened: dict[str, Any], dtype: str, lean: bool) -> PyTorch:
    """As the official code loads it. Folders of 2023 do not say the patch size to the processor."""
    model, loading = LlavaForConditionalGeneration.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation="eager", output_loading_info=True
    )
    check_read(loading)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil.from_pretrained(folder),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        patch_size=model.config.vision_config.patch_size,
        vision_feature_select_strategy=model.config.vision_feature_select_strategy,
        num_additional_image_tokens=1,
    )
    if lean:
        model.requires_grad_(False)
        first = min(opened["layers"])
        model.model.language_model.layers[first].self_attn.q_proj.requires_grad_(True)
    return PyTorch(model.eval(), processor, opened["layers"], opened["maxNewTokens"], lean)


def check_read(loading: dict[str, Any]) -> None:
    """The last norm of CLIP is not used and may be missing."""
    missing = [key for key in loading.pop("missing_keys") if "post_layernorm" not in key]
    if missing or any(loading.values()):
        raise SystemExit(f"the reference did not read every tensor: {missing} {loading}")


class OtherProcesses:
    """What else ran: a busy machine slows PyTorch, whose threads spin for each other, more than vicrop. (Linux)"""

    def __init__(self, ours: list[int]) -> None:
        self.ours, self.start, self.before = ours, time.perf_counter(), self.ticks(ours)

    def cores(self) -> float:
        seconds = (self.ticks(self.ours) - self.before) / os.sysconf("SC_CLK_TCK")
        return seconds / (time.perf_counter() - self.start)

    @staticmethod
    def ticks(ours: list[int]) -> int:
        user, nice, system, _idle, _waiting, interrupts, soft = Path("/proc/stat").read_text().split()[1:8]
        busy = sum(map(int, (user, nice, system, interrupts, soft)))
        fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in ours]
        return busy - sum(int(user) + int(system) for user, system in (field[11:13] for field in fields))


Ask = Callable[[str], Answered]  # a question in one of WAYS
Rounds = list[dict[str, Answered]]  # by way


def rested(ask: Ask, way: str) -> Answered:
    time.sleep(REST)
    answered = ask(way)
    print(f"{way}: {answered.ms / 1000:.1f} s", file=sys.stderr, flush=True)
    return answered


def take_turns(torch_ask: Ask, vicrop_ask: Ask, ways: list[str], runs: int) -> tuple[Rounds, Rounds]:
    """[runs] rounds of PyTorch and of vicrop. A round before, not counted, opens sessions."""
    torch_side: Rounds = []
    vicrop: Rounds = []
    for _ in range(runs + 1):
        torch_side.append({})
        vicrop.append({})
        for way in ways:
            torch_side[-1][way] = rested(torch_ask, way)
            vicrop[-1][way] = rested(vicrop_ask, way)
    return torch_side[1:], vicrop[1:]


def alone(ask: Ask, ways: list[str], runs: int) -> Rounds:
    """[runs] rounds of one side, after one that is not counted."""
    return [{way: rested(ask, way) for way in ways} for _ in range(runs + 1)][1:]


def report(torch_rounds: Rounds, vicrop_rounds: Rounds, ways: list[str], image_tokens: int) -> None:
    for title, torch_way, vicrop_way in LINES:
        if torch_way not in ways or vicrop_way not in ways:
            continue
        torch_side = [answered[torch_way] for answered in torch_rounds]
        vicrop = [answered[vicrop_way] for answered in vicrop_rounds]
        ratios = [one.ms / other.ms for one, other in zip(torch_side, vicrop, strict=True)]
        times = f"PyTorch {median_ms(torch_side)}, vicrop {median_ms(vicrop)}, PyTorch / vicrop {spread(ratios)}"
        tokens = f"PyTorch prefills {(torch_side[0].image_tokens or 0) / image_tokens:g} x {image_tokens} image tokens"
        print(f"{title}\n  {times}\n  {tokens}")
        if torch_way == vicrop_way:
            print(f"  {agreement(torch_side[0], vicrop[0])}")


def median_ms(answers: list[Answered]) -> str:
    return f"{statistics.median(answer.ms for answer in answers):.0f} ms"


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def agreement(one: Answered, other: Answered) -> str:
    def same(name: str, mine: Any, yours: Any) -> str:
        return f"same {name}: {mine!r}" if mine == yours else f"{name} differs: {mine!r} and {yours!r}"

    return "; ".join(
        [
            same("plain answer", one.plain, other.plain),
            same("crop", list(one.crop.values()), list(other.crop.values())),
            same("answer", one.answer, other.answer),
        ]
    )


def measure(folder: Path, asked: argparse.Namespace) -> None:
    size = json.loads((folder / "config.json").read_text())["vision_config"]["image_size"]
    side = asked.side or 3 * size  # something to crop, and no blocks of high resolution up to an input of 341 pixels
    image, vicrop = patchwork(side), Vicrop(folder, side, asked.threads, asked.vicrop_dtype)
    try:
        if hashlib.sha256(image.tobytes()).hexdigest() != vicrop.opened["picture"]:
            raise SystemExit("the two sides have drawn different pictures")
        others = OtherProcesses([os.getpid(), vicrop.process.pid]) if sys.platform == "linux" else None

        def vicrop_ask(way: str) -> Answered:
            return vicrop.ask(WAYS[way][1])

        if asked.apart:
            vicrop_rounds = alone(vicrop_ask, asked.ways, asked.runs)
            vicrop.close()
        torch_side = load(folder, vicrop.opened, asked.dtype, asked.lean)

        def torch_ask(way: str) -> Answered:
            return torch_side.ask(image, vicrop.opened["question"], WAYS[way][0])

        if asked.apart:
            torch_rounds = alone(torch_ask, asked.ways, asked.runs)
        else:
            torch_rounds, vicrop_rounds = take_turns(torch_ask, vicrop_ask, asked.ways, asked.runs)
        versions = f"torch {torch.__version__} in {asked.dtype}, vicrop in {asked.vicrop_dtype}"
        print(f"{versions}, {asked.threads} threads each, {side} x {side} pixels, {asked.runs} runs; median (least to most)")
        report(torch_rounds, vicrop_rounds, asked.ways, (size // torch_side.patch) ** 2)
        if asked.apart:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts kilobytes
            print(f"PyTorch's peak memory: {peak / 1e9:.1f} GB; vicrop's is for bench:large to say")
        elif others:
            print(f"Other processes had {others.cores():.2f} cores busy meanwhile; more than 0.05 is too many.")
    finally:
        vicrop.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--model", default="demo", help=f"demo, {', '.join(SHAPES)}, or a folder (default: demo)")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--side", type=int, help="of the picture in pixels (default: three times the model's input)")
    arguments.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="default: all")
    arguments.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"], help="of PyTorch's weights")
    arguments.add_argument("--vicrop-dtype", default="f32", choices=["f32", "f16", "q8", "q4"])
    arguments.add_argument("--lean", action="store_true", help="PyTorch keeps only the graph that a formula needs")
    arguments.add_argument("--apart", action="store_true", help="one side after the other, vicrop first")
    asked = arguments.parse_args()
    torch.set_num_threads(asked.threads)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with checkpoint(asked.model) as folder:
        measure(folder, asked)


if __name__ == "__main__":
    main()
