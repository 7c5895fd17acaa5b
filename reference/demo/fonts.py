"""The fonts, and where the characters of a text lie."""

from functools import lru_cache

from PIL import ImageFont

DEJAVU = "/usr/share/fonts/truetype/dejavu/"
LIBERATION = "/usr/share/fonts/truetype/liberation/"
# Each font with its file and the height of a capital, in ems.
FONTS = {
    "sans": (DEJAVU + "DejaVuSans-Bold.ttf", 0.73),
    "condensed": (DEJAVU + "DejaVuSansCondensed-Bold.ttf", 0.73),
    "mono": (DEJAVU + "DejaVuSansMono-Bold.ttf", 0.73),
    "serif": (DEJAVU + "DejaVuSerif-Bold.ttf", 0.73),
    "grotesque": (LIBERATION + "LiberationSans-Bold.ttf", 0.69),
    "narrow": (LIBERATION + "LiberationSansNarrow-Bold.ttf", 0.69),
    "roman": (LIBERATION + "LiberationSerif-Bold.ttf", 0.66),
    "typewriter": (LIBERATION + "LiberationMono-Bold.ttf", 0.61),
}
FONT_NAMES = list(FONTS)
FIRST_FONTS = FONT_NAMES[:4]  # of the easy pictures
MEASURED = 100  # pixels an em


@lru_cache(maxsize=None)
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS[name][0], size)


def em(name: str, cap: float) -> float:
    """The size whose capitals are `cap` high."""
    return cap / FONTS[name][1]


def advances(name: str, text: str) -> list[float]:
    """Where each character of a text starts, and where the last one ends, in ems."""
    letters = font(name, MEASURED)
    return [letters.getlength(text[:n]) / MEASURED for n in range(len(text) + 1)]
