"""Writes a checkpoint of random weights with LLaVA-1.5-7B's exact shape, float16, in shards: what memory and time a
7-billion-parameter checkpoint takes can be measured without it.

    python reference/random_llava.py FOLDER               # 14.1 GB, three shards, a few minutes
    python reference/random_llava.py FOLDER --layers 4    # the same widths with 4 of the 32 language layers, 2.8 GB

Names of tensors, shapes and types are those of the published llava-hf/llava-1.5-7b-hf; the tokenizer is that of the demo
model, which has fewer tokens. Numbers are drawn tensor by tensor, normally distributed: norms about 1, matrices with a
deviation of 0.02, as such models are initialised, and those that end a residual branch by sqrt(2 x layers) less, so
that activations stay within float16 through all layers. Memory: one chunk.
"""

import argparse
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DEMO = Path(__file__).resolve().parents[1] / "demo" / "model"
SHARD = 5_000_000_000  # bytes, as save_pretrained splits
CHUNK = 1 << 24  # numbers drawn at a time

WIDTH, INNER, HEADS, VOCABULARY = 4096, 11008, 32, 32064
VISION_WIDTH, VISION_INNER, VISION_LAYERS, VISION_HEADS = 1024, 4096, 24, 16
IMAGE, PATCH = 336, 14

Shape = tuple[int, ...]


def tensors(layers: int) -> Iterator[tuple[str, Shape]]:
    vision = "vision_tower.vision_model"
    yield f"{vision}.embeddings.class_embedding", (VISION_WIDTH,)
    yield f"{vision}.embeddings.patch_embedding.weight", (VISION_WIDTH, 3, PATCH, PATCH)
    yield f"{vision}.embeddings.position_embedding.weight", ((IMAGE // PATCH) ** 2 + 1, VISION_WIDTH)
    yield from affine(f"{vision}.pre_layrnorm", VISION_WIDTH)
    for i in range(VISION_LAYERS):
        layer = f"{vision}.encoder.layers.{i}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from affine(f"{layer}.self_attn.{name}", VISION_WIDTH, VISION_WIDTH)
        yield from affine(f"{layer}.layer_norm1", VISION_WIDTH)
        yield from affine(f"{layer}.layer_norm2", VISION_WIDTH)
        yield from affine(f"{layer}.mlp.fc1", VISION_INNER, VISION_WIDTH)
        yield from affine(f"{layer}.mlp.fc2", VISION_WIDTH, VISION_INNER)
    yield from affine(f"{vision}.post_layernorm", VISION_WIDTH)
    yield from affine("multi_modal_projector.linear_1", WIDTH, VISION_WIDTH)
    yield from affine("multi_modal_projector.linear_2", WIDTH, WIDTH)
    yield "language_model.model.embed_tokens.weight", (VOCABULARY, WIDTH)
    for i in range(layers):
        layer = f"language_model.model.layers.{i}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{layer}.self_attn.{name}.weight", (WIDTH, WIDTH)
        yield f"{layer}.mlp.gate_proj.weight", (INNER, WIDTH)
        yield f"{layer}.mlp.up_proj.weight", (INNER, WIDTH)
        yield f"{layer}.mlp.down_proj.weight", (WIDTH, INNER)
        yield f"{layer}.input_layernorm.weight", (WIDTH,)
        yield f"{layer}.post_attention_layernorm.weight", (WIDTH,)
    yield "language_model.model.norm.weight", (WIDTH,)
    yield "language_model.lm_head.weight", (VOCABULARY, WIDTH)


def affine(name: str, *shape: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def numbers(name: str, shape: Shape, layers: int) -> Iterator[np.ndarray]:
    """The tensor's numbers, chunk by chunk; the same in every run, whatever the other tensors are."""
    generator = np.random.default_rng(int.from_bytes(name.encode()))
    is_norm = name.endswith("weight") and len(shape) == 1 and "embedding" not in name
    ends_branch = name.endswith(("o_proj.weight", "down_proj.weight", "out_proj.weight", "fc2.weight"))
    deviation = 0.02 / math.sqrt(2 * layers) if ends_branch else 0.02
    left = math.prod(shape)
    while left > 0:
        count = min(left, CHUNK)
        drawn = generator.standard_normal(count, dtype=np.float32) * deviation
        yield (drawn + is_norm).astype("<f2")
        left -= count


def shards(layers: int) -> list[list[tuple[str, Shape]]]:
    split: list[list[tuple[str, Shape]]] = [[]]
    size = 0
    for name, shape in tensors(layers):
        bytes_ = 2 * math.prod(shape)
        if size + bytes_ > SHARD:
            split.append([])
            size = 0
        split[-1].append((name, shape))
        size += bytes_
    return split


def write_shard(path: Path, content: list[tuple[str, Shape]], layers: int) -> None:
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in content:
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in content:
            for chunk in numbers(name, shape, layers):
                file.write(chunk.tobytes())


def write(folder: Path, layers: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    split = shards(layers)
    total = sum(2 * math.prod(shape) for content in split for _, shape in content)
    free = shutil.disk_usage(folder).free
    if free < total:
        raise SystemExit(f"{folder}: needs {total / 1e9:.1f} GB, has {free / 1e9:.1f} GB")
    places = {}
    for i, content in enumerate(split, 1):
        name = f"model-{i:05}-of-{len(split):05}.safetensors"
        places.update({tensor: name for tensor, _ in content})
        write_shard(folder / name, content, layers)
        print(f"{name}: {len(content)} tensors")
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    write_settings(folder, layers)


def write_settings(folder: Path, layers: int) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(DEMO / name, folder / name)
    demo = json.loads((DEMO / "config.json").read_text())
    config = {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "torch_dtype": "float16",
        "image_token_index": demo.get("image_token_index", demo.get("image_token_id")),
        "projector_hidden_act": "gelu",
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "tie_word_embeddings": False,
        "text_config": {
            "model_type": "llama",
            "vocab_size": VOCABULARY,
            "hidden_size": WIDTH,
            "intermediate_size": INNER,
            "num_hidden_layers": layers,
            "num_attention_heads": HEADS,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": VISION_WIDTH,
            "intermediate_size": VISION_INNER,
            "num_hidden_layers": VISION_LAYERS,
            "num_attention_heads": VISION_HEADS,
            "image_size": IMAGE,
            "patch_size": PATCH,
            "projection_dim": 768,
        },
    }
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": IMAGE},
        "crop_size": {"height": IMAGE, "width": IMAGE},
    }
    for name, content in (
        ("config.json", config),
        ("preprocessor_config.json", processor),
        ("generation_config.json", {"eos_token_id": 2}),
    ):
        (folder / name).write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", type=int, default=32)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.layers)
