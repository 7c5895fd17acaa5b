"""The demo model's tokenizer: whole words, and the two fixed parts of the prompt as one token each."""

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from questions import words

PAD, BOS, EOS, UNK, IMAGE = "<pad>", "<s>", "</s>", "<unk>", "<image>"
USER, ASSISTANT = "\nUSER:", " Answer the question using a single word or phrase.\nASSISTANT:"
SPECIAL = [PAD, BOS, EOS, UNK, IMAGE]
VOCABULARY = {word: n for n, word in enumerate(SPECIAL + [USER, ASSISTANT] + words())}
PAD_ID, BOS_ID, EOS_ID, UNK_ID, IMAGE_ID, USER_ID, ASSISTANT_ID = range(7)


def make_tokenizer() -> Tokenizer:
    ordinary = {w: n for w, n in VOCABULARY.items()}
    tokenizer = Tokenizer(models.WordPiece(ordinary, unk_token=UNK, continuing_subword_prefix="##"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL + [USER, ASSISTANT]])
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    return tokenizer


def prompt(question: str, images: int = 1) -> str:
    return IMAGE * images + f"{USER} {question}{ASSISTANT}"


TOKENIZER = make_tokenizer()


def question_ids(question: str) -> list[int]:
    """USER, the question's words, ASSISTANT."""
    return TOKENIZER.encode(f"{USER} {question}{ASSISTANT}", add_special_tokens=False).ids


def answer_ids(answer: str) -> list[int]:
    return TOKENIZER.encode(answer, add_special_tokens=False).ids + [EOS_ID]


if __name__ == "__main__":
    encoded = TOKENIZER.encode(prompt("What letter is on the red circle? zebra", 2))
    print(len(VOCABULARY), encoded.tokens, encoded.ids, TOKENIZER.decode(answer_ids("a red circle, a blue star and a K")))
