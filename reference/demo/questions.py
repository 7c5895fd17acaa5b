"""Questions about a scene: each with its answer, what it asks about, and its family.

Every family has templates to train on and others, of the same words, that only the benchmark uses; and OWN has questions in
other words altogether, some of them unknown to the tokenizer, that only the benchmark uses as well."""

from dataclasses import dataclass

from scenes import CHARACTERS, COLOUR_NAMES, FORM, LABELS, PAPER, PLACE_CLASSES, PLATE, SHAPE_NAMES, Scene

CHARACTER_WORDS = ["character", "letter", "sign", "symbol"]
TEXT_WORDS = ["text", "word", "number", "sign"]
THING_WORDS = ["thing", "object", "shape", "one"]
PLURAL_WORDS = ["things", "objects", "shapes"]
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]
GENERAL = "Write a general description of the image."

# {r} names a thing, {c} what is written on it, {l} the label of a form's row, {a} and {b} two things, {s} several.
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
    "form": [
        "What is the {l}?",
        "What is the {l} on the form?",
        "Which {l} is on the form?",
        "What does the form say for {l}?",
        "Read the {l} on the form.",
        "Tell me the {l}.",
        "What is written for the {l}?",
        "Look at the form. What is the {l}?",
        "What number is next to {l}?",
        "There is a form in the picture. What is its {l}?",
        "The {l} is what?",
        "What {l} does the form have?",
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
    "relation": [
        "Is the {a} {side} the {b}?",
        "Is the {a} on the picture {side} the {b}?",
        "Look at the {a}. Is it {side} the {b}?",
        "Do you see the {a} {side} the {b}?",
        "Tell me, is the {a} {side} the {b}?",
    ],
    "count": [
        "How many {s} are there?",
        "How many {s} are in the picture?",
        "How many {s} do you see?",
        "What is the number of {s}?",
        "Tell me how many {s} there are.",
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
    "form": ["Can you read the {l} on the form?", "In this picture, what is the {l}?", "Look at the {l} on the form. What is it?"],
    "colour": ["The {r} has what color?", "Look at the {r}. What color is it?"],
    "shape": ["Look at the {r}. What shape is it?", "What shape does the {r} have?"],
    "exists": ["Can you see a {r} in the image?", "Does the picture have a {r}?"],
    "relation": ["Can you tell me, is the {a} {side} the {b}?", "In the picture, is the {a} {side} the {b}?"],
    "count": ["How many {s} can you see?", "How many {s} does the image have?"],
}
OWN = {
    "read": [
        "Hey, could you make out the inscription of the {r} for me",
        "I cannot read the {r}, what's standing there?",
        "{r}: which {c}?",
        "Zoom in on the {r} and spell what it shows",
        "My eyes are bad. The {r} over there, what does it say please?",
        "what letters or digits appear on the {r}",
        "Someone painted something on the {r}. What?",
        "Give me whatever is on that {r}",
    ],
    "form": ["How much is the {l} here?", "Find the {l} on this receipt", "I need the {l} from that paper, please.", "{l}?"],
    "colour": ["Name the hue of the {r}", "What paint was used for the {r}?", "the {r}, what color would you call it"],
    "shape": ["Describe the form of the {r}: what shape is that?", "which kind of shape would the {r} be"],
    "exists": ["Any {r} around here?", "Is a {r} anywhere to be found in this photo?"],
    "relation": ["Would you say the {a} is {side} the {b}?"],
    "count": ["Count the {s} for me", "So how many {s} did they draw?"],
}
SIDES = {"left of": (-1, 0), "to the left of": (-1, 0), "right of": (1, 0), "to the right of": (1, 0), "above": (0, -1), "below": (0, 1)}


@dataclass
class Question:
    text: str
    answer: str
    things: tuple[int, ...]  # indices of what is asked about; none where there is no such thing, or all of them count
    family: str


def pick(rng, options):
    return options[rng.integers(len(options))]


def phrase(rng, family: str, templates=TRAINED, **names) -> str:
    """One template, filled in; in training now and then with unknown words, without its capital or its last mark."""
    template = pick(rng, templates[family])
    trained = templates is TRAINED
    if trained and rng.random() < 0.3:
        for _ in range(rng.integers(1, 4)):
            template = with_unknown_word(rng, template)
    text = template.format(**names)
    if not trained:
        return text[0].upper() + text[1:] if templates is HELD_OUT else text
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


def others(scene: Scene):
    return [t for t in scene.things if t.colour in COLOUR_NAMES]


def references(scene: Scene, n: int, rng) -> list[str]:
    """The ways to name one thing and no other: by colour, by shape, by both."""
    t = scene.things[n]
    out = [f"{t.colour} {t.shape}"]
    if sum(o.colour == t.colour for o in others(scene)) == 1:
        out.append(f"{t.colour} {pick(rng, THING_WORDS)}")
    if sum(o.shape == t.shape for o in others(scene)) == 1:
        out.append(t.shape)
    return out


def read_question(scene, n, rng, templates=TRAINED) -> Question:
    t = scene.things[n]
    if t.is_row:
        return Question(phrase(rng, "form", templates, l=t.shape), t.text, (n,), "form")
    written = pick(rng, TEXT_WORDS if t.shape == PLATE and rng.random() < 0.8 else CHARACTER_WORDS)
    return Question(phrase(rng, "read", templates, r=pick(rng, references(scene, n, rng)), c=written), t.text, (n,), "read")


def colour_question(scene, n, rng, templates=TRAINED) -> Question:
    t = scene.things[n]
    names = [f"{pick(rng, THING_WORDS)} with the {t.text}"] if len(t.text) == 1 else []
    if sum(o.shape == t.shape for o in others(scene)) == 1:
        names += [t.shape] * 2
    if not names:
        return read_question(scene, n, rng, templates)
    return Question(phrase(rng, "colour", templates, r=pick(rng, names)), t.colour, (n,), "colour")


def shape_question(scene, n, rng, templates=TRAINED) -> Question:
    t = scene.things[n]
    names = [f"{pick(rng, THING_WORDS)} with the {t.text}"] if len(t.text) == 1 else []
    if sum(o.colour == t.colour for o in others(scene)) == 1:
        names += [f"{t.colour} {pick(rng, THING_WORDS)}"] * 2
    if not names:
        return read_question(scene, n, rng, templates)
    return Question(phrase(rng, "shape", templates, r=pick(rng, names)), t.shape, (n,), "shape")


def exists_question(scene, n, rng, templates=TRAINED) -> Question:
    """Half of them yes. An absent thing shares its colour or its shape with one that is there, two times in three."""
    here = {(t.colour, t.shape) for t in others(scene)}
    colour, shape = scene.things[n].colour, scene.things[n].shape
    if rng.random() < 0.5:
        return Question(phrase(rng, "exists", templates, r=f"{colour} {shape}"), "yes", (n,), "exists")
    while (colour, shape) in here:
        kind = rng.integers(3)
        colour = scene.things[n].colour if kind == 0 else pick(rng, COLOUR_NAMES)
        shape = scene.things[n].shape if kind == 1 else pick(rng, SHAPE_NAMES)
    return Question(phrase(rng, "exists", templates, r=f"{colour} {shape}"), "no", (), "exists")


def relation_question(scene, n, rng, templates=TRAINED) -> Question:
    """Where one thing is from another, half of them yes. Only pairs that are well apart the way that is asked about."""
    middles = {m: middle(t.body) for m, t in enumerate(scene.things) if t.colour in COLOUR_NAMES}
    side = pick(rng, list(SIDES))
    way = SIDES[side]
    apart = {m: (middles[n][0] - x) / scene.width * way[0] + (middles[n][1] - y) / scene.height * way[1] for m, (x, y) in middles.items()}
    truly = rng.random() < 0.5
    fitting = [m for m, d in apart.items() if m != n and (d > 0.15 if truly else d < -0.15)]
    if not fitting:
        return read_question(scene, n, rng, templates)
    m = pick(rng, fitting)
    a, b = (pick(rng, references(scene, k, rng)) for k in (n, m))
    return Question(phrase(rng, "relation", templates, a=a, b=b, side=side), "yes" if truly else "no", (n, m), "relation")


def middle(box):
    x, y, w, h = box
    return x + w / 2, y + h / 2


def count_question(scene, n, rng, templates=TRAINED) -> Question:
    """How many of a colour, of a shape, or of all: of what is there, or now and then of something else."""
    of = rng.integers(5)
    if of < 2:
        colour = scene.things[n].colour if rng.random() < 0.8 else pick(rng, COLOUR_NAMES)
        name, count = f"{colour} {pick(rng, PLURAL_WORDS)}", sum(t.colour == colour for t in others(scene))
    elif of < 4:
        shape = scene.things[n].shape if rng.random() < 0.8 else pick(rng, SHAPE_NAMES)
        name, count = shape + "s", sum(t.shape == shape for t in others(scene))
    else:
        name, count = "colored " + pick(rng, PLURAL_WORDS), len(others(scene))
    if count >= len(NUMBERS):
        return read_question(scene, n, rng, templates)
    return Question(phrase(rng, "count", templates, s=name), NUMBERS[count], (), "count")


ASK = {
    "read": read_question,
    "colour": colour_question,
    "shape": shape_question,
    "exists": exists_question,
    "relation": relation_question,
    "count": count_question,
}
MOSTLY_READ, MIXED = (0.7, 0.1, 0.1, 0.1, 0, 0), (0.32, 0.16, 0.16, 0.08, 0.17, 0.11)  # shares of the families, as in ASK


def description(scene: Scene) -> Question:
    """The four largest things, largest first, and the form."""
    names = [f"a {t.colour} {t.shape}" for t in sorted(others(scene), key=lambda t: -t.body[2] * t.body[3])[:4]]
    names += ["a form"] if any(t.shape == FORM for t in scene.things) else []
    text = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return Question(GENERAL, text, (), "describe")


def random_question(scene: Scene, rng, n: int | None = None, chances=MOSTLY_READ, templates=TRAINED) -> Question:
    n = int(pick(rng, scene.asked)) if n is None else n
    if scene.things[n].is_row:
        return read_question(scene, n, rng, templates)
    return ASK[list(ASK)[rng.choice(len(ASK), p=chances)]](scene, n, rng, templates)


def words() -> list[str]:
    """Every word (and mark) of every template, each with a capital and without."""
    texts = [t for templates in (TRAINED, HELD_OUT) for family in templates.values() for t in family]
    plurals = [s + "s" for s in SHAPE_NAMES]
    text = " ".join([*texts, GENERAL, "and a with the s form colored", *SIDES, *CHARACTER_WORDS, *TEXT_WORDS, *THING_WORDS])
    for mark in ("?", ".", ",", "'"):
        text = text.replace(mark, " ")
    free = [w for w in text.split() if "{" not in w] + PLURAL_WORDS + plurals + LABELS + NUMBERS
    found = {w for word in free for w in (word.lower(), word.lower().capitalize())}
    fixed = COLOUR_NAMES + SHAPE_NAMES + CHARACTERS + ["##" + c for c in CHARACTERS] + ["yes", "no", "?", ".", ",", "'", ":"]
    return fixed + sorted(found - set(fixed)) + [PAPER, *PLACE_CLASSES]
