"""Questions about a scene: each with its answer, the thing it asks about, and its family."""

from dataclasses import dataclass

import numpy as np

from scenes import CHARACTERS, COLOUR_NAMES, SHAPE_NAMES, Thing

CHARACTER_WORDS = ["character", "letter", "sign", "symbol"]
THING_WORDS = ["thing", "object", "shape", "one"]
GENERAL = "Write a general description of the image."

READ = [
    "What {c} is on the {r}?",
    "Which {c} is on the {r}?",
    "What is written on the {r}?",
    "What is the {c} on the {r}?",
    "Read the {c} on the {r}.",
    "What does the {r} say?",
    "What {c} does the {r} have?",
    "The {r} carries which {c}?",
    "Look at the {r}. What {c} is on it?",
]
COLOUR = ["What color is the {r}?", "What is the color of the {r}?", "Which color is the {r}?", "What colour is the {r}?"]
SHAPE = ["What shape is the {r}?", "What is the shape of the {r}?", "Which shape has the {r}?"]
EXISTS = ["Is there a {r}?", "Is there a {r} in the image?", "Is there a {r} in the picture?", "Do you see a {r}?"]


@dataclass
class Question:
    text: str
    answer: str
    thing: int | None  # index of the thing asked about; None where there is no such thing
    family: str


def references(things: list[Thing], n: int, rng) -> list[str]:
    """The ways to name one thing and no other: by colour, by shape, by both."""
    t = things[n]
    word = THING_WORDS[rng.integers(len(THING_WORDS))]
    out = [f"{t.colour} {t.shape}"]
    if sum(o.colour == t.colour for o in things) == 1:
        out.append(f"{t.colour} {word}")
    if sum(o.shape == t.shape for o in things) == 1:
        out.append(t.shape)
    return out


def pick(rng, options):
    return options[rng.integers(len(options))]


def read_question(things, n, rng) -> Question:
    text = pick(rng, READ).format(c=pick(rng, CHARACTER_WORDS), r=pick(rng, references(things, n, rng)))
    return Question(text, things[n].character, n, "read")


def colour_question(things, n, rng) -> Question | None:
    t = things[n]
    names = [f"{pick(rng, THING_WORDS)} with the {t.character}"]
    if sum(o.shape == t.shape for o in things) == 1:
        names += [t.shape] * 2
    return Question(pick(rng, COLOUR).format(r=pick(rng, names)), t.colour, n, "colour")


def shape_question(things, n, rng) -> Question | None:
    t = things[n]
    names = [f"{pick(rng, THING_WORDS)} with the {t.character}"]
    if sum(o.colour == t.colour for o in things) == 1:
        names += [f"{t.colour} {pick(rng, THING_WORDS)}"] * 2
    return Question(pick(rng, SHAPE).format(r=pick(rng, names)), t.shape, n, "shape")


def exists_question(things, rng) -> Question:
    """Half of them yes. An absent thing shares its colour or its shape with one that is there, two times in three."""
    here = {(t.colour, t.shape) for t in things}
    n = int(rng.integers(len(things)))
    colour, shape = things[n].colour, things[n].shape
    if rng.random() < 0.5:
        return Question(pick(rng, EXISTS).format(r=f"{colour} {shape}"), "yes", n, "exists")
    while (colour, shape) in here:
        kind = rng.integers(3)
        colour = colour if kind == 0 else pick(rng, COLOUR_NAMES)
        shape = things[n].shape if kind == 1 else pick(rng, SHAPE_NAMES)
    return Question(pick(rng, EXISTS).format(r=f"{colour} {shape}"), "no", None, "exists")


def description(things: list[Thing]) -> Question:
    """The four largest things, largest first."""
    names = [f"a {t.colour} {t.shape}" for t in sorted(things, key=lambda t: -t.side)[:4]]
    text = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return Question(GENERAL, text, None, "describe")


def random_question(things: list[Thing], rng, n: int | None = None, chances=(0.7, 0.1, 0.1, 0.1)) -> Question:
    n = int(rng.integers(len(things))) if n is None else n
    family = rng.choice(4, p=chances)
    if family == 3:
        return exists_question(things, rng)
    return (read_question, colour_question, shape_question)[family](things, n, rng)


def words() -> list[str]:
    """Every word (and mark) of every template, each with a capital and without."""
    texts = READ + COLOUR + SHAPE + EXISTS + [GENERAL, "and a with the"] + CHARACTER_WORDS + THING_WORDS
    found = set(" ".join(texts).replace("{c}", " ").replace("{r}", " ").replace("?", " ").replace(".", " ").split())
    found = {w for word in found for w in (word.lower(), word.lower().capitalize())}
    fixed = COLOUR_NAMES + SHAPE_NAMES + CHARACTERS + ["yes", "no", "?", ".", ","]
    return fixed + sorted(found - set(fixed))
