"""Questions about a scene: each with its answer, the thing it asks about, and its family.

Every family has templates to train on and others, of the same words, that only the benchmark uses."""

from dataclasses import dataclass

from scenes import CHARACTERS, COLOUR_NAMES, SHAPE_NAMES, Thing

CHARACTER_WORDS = ["character", "letter", "sign", "symbol"]
THING_WORDS = ["thing", "object", "shape", "one"]
GENERAL = "Write a general description of the image."

TRAINED = {
    "read": [
        "What {c} is on the {r}?",
        "Which {c} is on the {r}?",
        "What is written on the {r}?",
        "What is the {c} on the {r}?",
        "Read the {c} on the {r}.",
        "What does the {r} say?",
        "What {c} does the {r} have?",
        "The {r} carries which {c}?",
        "Look at the {r}. What {c} is on it?",
        "Tell me the {c} on the {r}.",
        "Can you read the {r}?",
        "What {c} can you see on the {r}?",
        "There is a {r}. What is written on it?",
        "What {c} is in the {r}?",
        "What is the {c} inside the {r}?",
        "Please read the {c} of the {r}.",
        "What is printed on the {r}?",
        "What's on the {r}?",
        "Which {c} do you see on the {r} in the picture?",
        "In this image, what {c} is on the {r}?",
    ],
    "colour": [
        "What color is the {r}?",
        "What is the color of the {r}?",
        "Which color is the {r}?",
        "What colour is the {r}?",
        "Tell me the colour of the {r}.",
        "Which color does the {r} have?",
    ],
    "shape": ["What shape is the {r}?", "What is the shape of the {r}?", "Which shape has the {r}?", "Tell me which shape the {r} is."],
    "exists": [
        "Is there a {r}?",
        "Is there a {r} in the image?",
        "Is there a {r} in the picture?",
        "Do you see a {r}?",
        "Can you see a {r} in this picture?",
        "Does the image have a {r}?",
    ],
}
HELD_OUT = {
    "read": [
        "Which {c} is written on the {r}?",
        "What {c} is printed inside the {r}?",
        "Look at the {c} on the {r}. What is it?",
        "Can you tell me the {c} on the {r}?",
        "What {c} do you see on the {r}?",
        "In this picture, which {c} does the {r} have?",
    ],
    "colour": ["The {r} has what color?", "Look at the {r}. What color is it?"],
    "shape": ["Look at the {r}. What shape is it?", "What shape does the {r} have?"],
    "exists": ["Can you see a {r} in the image?", "Does the picture have a {r}?"],
}


@dataclass
class Question:
    text: str
    answer: str
    thing: int | None  # index of the thing asked about; None where there is no such thing
    family: str


def pick(rng, options):
    return options[rng.integers(len(options))]


def phrase(rng, family: str, named: str, held_out: bool) -> str:
    """One template, filled in; in training now and then with an unknown word, without its capital or its last mark."""
    template = pick(rng, (HELD_OUT if held_out else TRAINED)[family])
    if not held_out and rng.random() < 0.15:
        template = with_unknown_word(rng, template)
    text = template.format(c=pick(rng, CHARACTER_WORDS), r=named)
    if held_out:
        return text
    if rng.random() < 0.2:
        text = text[0].lower() + text[1:]
    return text[:-1] if rng.random() < 0.1 else text


def with_unknown_word(rng, template: str) -> str:
    """A word no tokenizer entry has, in the place of one that names nothing or between two."""
    parts = template.split()
    n = int(rng.integers(len(parts)))
    if "{" in parts[n] or rng.random() < 0.4:
        return " ".join([*parts[:n], "zz", *parts[n:]])
    return " ".join([*parts[:n], "zz", *parts[n + 1 :]])


def references(things: list[Thing], n: int, rng) -> list[str]:
    """The ways to name one thing and no other: by colour, by shape, by both."""
    t = things[n]
    out = [f"{t.colour} {t.shape}"]
    if sum(o.colour == t.colour for o in things) == 1:
        out.append(f"{t.colour} {pick(rng, THING_WORDS)}")
    if sum(o.shape == t.shape for o in things) == 1:
        out.append(t.shape)
    return out


def read_question(things, n, rng, held_out=False) -> Question:
    return Question(phrase(rng, "read", pick(rng, references(things, n, rng)), held_out), things[n].character, n, "read")


def colour_question(things, n, rng, held_out=False) -> Question:
    t = things[n]
    names = [f"{pick(rng, THING_WORDS)} with the {t.character}"]
    if sum(o.shape == t.shape for o in things) == 1:
        names += [t.shape] * 2
    return Question(phrase(rng, "colour", pick(rng, names), held_out), t.colour, n, "colour")


def shape_question(things, n, rng, held_out=False) -> Question:
    t = things[n]
    names = [f"{pick(rng, THING_WORDS)} with the {t.character}"]
    if sum(o.colour == t.colour for o in things) == 1:
        names += [f"{t.colour} {pick(rng, THING_WORDS)}"] * 2
    return Question(phrase(rng, "shape", pick(rng, names), held_out), t.shape, n, "shape")


def exists_question(things, n, rng, held_out=False) -> Question:
    """Half of them yes. An absent thing shares its colour or its shape with one that is there, two times in three."""
    here = {(t.colour, t.shape) for t in things}
    colour, shape = things[n].colour, things[n].shape
    if rng.random() < 0.5:
        return Question(phrase(rng, "exists", f"{colour} {shape}", held_out), "yes", n, "exists")
    while (colour, shape) in here:
        kind = rng.integers(3)
        colour = things[n].colour if kind == 0 else pick(rng, COLOUR_NAMES)
        shape = things[n].shape if kind == 1 else pick(rng, SHAPE_NAMES)
    return Question(phrase(rng, "exists", f"{colour} {shape}", held_out), "no", None, "exists")


MOSTLY_READ, MIXED = (0.7, 0.1, 0.1, 0.1), (0.4, 0.25, 0.25, 0.1)  # shares of the families, in the order below
ASK = {"read": read_question, "colour": colour_question, "shape": shape_question, "exists": exists_question}


def description(things: list[Thing]) -> Question:
    """The four largest things, largest first."""
    names = [f"a {t.colour} {t.shape}" for t in sorted(things, key=lambda t: -t.side)[:4]]
    text = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return Question(GENERAL, text, None, "describe")


def random_question(things: list[Thing], rng, n: int | None = None, chances=MOSTLY_READ) -> Question:
    n = int(rng.integers(len(things))) if n is None else n
    family = list(ASK)[rng.choice(len(ASK), p=chances)]
    return ASK[family](things, n, rng)


def words() -> list[str]:
    """Every word (and mark) of every template, each with a capital and without."""
    texts = [t for templates in (TRAINED, HELD_OUT) for family in templates.values() for t in family]
    text = " ".join([*texts, GENERAL, "and a with the s", *CHARACTER_WORDS, *THING_WORDS])
    for mark in ("{c}", "{r}", "?", ".", ",", "'"):
        text = text.replace(mark, " ")
    found = {w for word in text.split() for w in (word.lower(), word.lower().capitalize())}
    fixed = COLOUR_NAMES + SHAPE_NAMES + CHARACTERS + ["yes", "no", "?", ".", ",", "'"]
    return fixed + sorted(found - set(fixed))
