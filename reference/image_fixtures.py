"""Writes test/fixtures/image/ with Pillow and Hugging Face transformers: python reference/image_fixtures.py

pictures/*.png     small pictures of every proportion
resize.json        Pillow's Image.resize of them, every filter, up and down
preprocess.json    pixel values of transformers' Pillow image processors
decode/*           one file per format, orientation and kind of pixel; decode.json: Pillow's RGB pixels of them
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

TARGET = Path(__file__).resolve().parents[1] / "test" / "fixtures" / "image"
PROCESSORS = {"CLIPImageProcessor": CLIPImageProcessorPil, "LlavaImageProcessor": LlavaImageProcessorPil}

SIZES = {  # width, height
    "4x3": (48, 36),
    "3x4": (36, 48),
    "1x3": (17, 51),
    "16x9": (64, 36),
    "one-pixel": (1, 1),
    "small": (9, 7),
    "line": (61, 1),
}
RESIZES = [("4x3", 17, 13), ("4x3", 48, 11), ("1x3", 40, 51), ("1x3", 14, 42), ("3x4", 34, 20), ("small", 31, 20), ("one-pixel", 5, 3), ("line", 7, 4)]
RESAMPLES = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")

SIDE = 14  # small, so that the fixtures are
CONFIGS: dict[str, dict[str, Any]] = {
    "crop": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": SIDE}, "crop_size": SIDE},
    "pad": {"image_processor_type": "LlavaImageProcessor", "size": SIDE, "crop_size": SIDE, "do_pad": True},
    "stretch": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"height": SIDE, "width": SIDE},
        "do_center_crop": False,
        "resample": 2,
    },
    "crop-larger-than-size": {
        "image_processor_type": "LlavaImageProcessor",
        "size": {"shortest_edge": 8},
        "crop_size": {"height": 11, "width": 14},
    },
    "pad-then-crop-larger": {"image_processor_type": "LlavaImageProcessor", "size": 9, "crop_size": 12, "do_pad": True},
    "pad-then-crop-smaller": {"image_processor_type": "LlavaImageProcessor", "size": 15, "crop_size": 10, "do_pad": True},
    "no-resize": {"image_processor_type": "CLIPImageProcessor", "do_resize": False, "crop_size": SIDE},
    "bytes": {
        "image_processor_type": "CLIPImageProcessor",
        "size": SIDE,
        "crop_size": SIDE,
        "do_rescale": False,
        "do_normalize": False,
    },
}


def encode(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def write_json(name: str, value: Any) -> None:
    text = json.dumps(value).replace("}, {", "},\n {")
    (TARGET / name).write_text(text + "\n")


def draw(width: int, height: int, seed: int) -> Image.Image:
    """Gradients, a hard edge and noise: smooth parts, overshoot and rounding all have something to show."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], axis=-1)
    pixels[(x * 3 > width) & (y * 2 > height)] = (255, 255, 0)
    pixels += rng.normal(0, 30, pixels.shape)
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), "RGB")


def write_pictures() -> dict[str, Image.Image]:
    pictures = {name: draw(*size, seed) for seed, (name, size) in enumerate(SIZES.items())}
    pictures["grey"] = draw(40, 30, 99).convert("L")
    for name, picture in pictures.items():
        picture.save(TARGET / "pictures" / f"{name}.png", optimize=True)
    return {name: picture.convert("RGB") for name, picture in pictures.items()}


def write_resizes(pictures: dict[str, Image.Image]) -> None:
    cases = []
    for picture, width, height in RESIZES:
        for resample in RESAMPLES:
            resized = pictures[picture].resize((width, height), Image.Resampling[resample.upper()])
            case = {"picture": picture, "resample": resample, "width": width, "height": height}
            cases.append(case | {"rgb": encode(np.asarray(resized))})
    write_json("resize.json", cases)


def write_pixel_values(pictures: dict[str, Image.Image]) -> None:
    cases = []
    for name, config in CONFIGS.items():
        settings = {key: value for key, value in config.items() if key != "image_processor_type"}
        processor = PROCESSORS[config["image_processor_type"]](**settings)
        for picture, image in pictures.items():
            values = np.asarray(processor(image, return_tensors="np")["pixel_values"][0], dtype=np.float32)
            case = {"config": name, "picture": picture, "shape": values.shape, "pixel_values": encode(values)}
            cases.append(case)
    write_json("preprocess.json", {"configs": CONFIGS, "cases": cases})


def write_files() -> None:
    colour = draw(24, 16, 7)
    alpha = Image.fromarray(np.mgrid[0:16, 0:24][1].astype(np.uint8) * 11)
    with_alpha = colour.copy()
    with_alpha.putalpha(alpha)
    grey_with_alpha = with_alpha.convert("LA")
    deep = np.asarray(colour.convert("L")).astype(np.uint16) * 257
    turned = Image.Exif()
    turned[0x0112] = 6
    folder = TARGET / "decode"
    colour.save(folder / "444.jpg", quality=90, subsampling=0)
    colour.save(folder / "420-progressive.jpg", quality=80, subsampling=2, progressive=True)
    colour.convert("L").save(folder / "grey.jpg", quality=90)
    colour.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    colour.save(folder / "turned.jpg", quality=90, exif=turned)
    colour.save(folder / "rgb.png")
    with_alpha.save(folder / "rgb-alpha.png")
    grey_with_alpha.save(folder / "grey-alpha.png")
    colour.quantize(16).save(folder / "palette.png", transparency=3)
    colour.convert("1").save(folder / "one-bit.png")
    Image.fromarray(deep).save(folder / "grey-16-bit.png")
    colour.save(folder / "lossless.webp", lossless=True)
    with_alpha.save(folder / "alpha.webp", lossless=True, exact=True)
    colour.save(folder / "lossy.webp", quality=80)
    colour.quantize(32).save(folder / "two-frames.gif", save_all=True, append_images=[alpha.convert("P")])
    colour.save(folder / "lzw.tiff", compression="tiff_lzw")
    cases = []
    for path in sorted(folder.iterdir()):
        rgb = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        if path.name == "grey-16-bit.png":  # Pillow clips what is above 255; the project scales, and says so
            rgb = colour.convert("L").convert("RGB")
        case = {"file": path.name, "width": rgb.width, "height": rgb.height, "rgb": encode(np.asarray(rgb))}
        cases.append(case)
    write_json("decode.json", cases)


def main() -> None:
    for folder in ("pictures", "decode"):
        (TARGET / folder).mkdir(parents=True, exist_ok=True)
    pictures = write_pictures()
    write_resizes(pictures)
    write_pixel_values(pictures)
    write_files()


if __name__ == "__main__":
    main()
