"""Texts as token numbers, for a model folder's own tokenizer or BERT's uncased vocabulary.

`wordpiece_uncased.txt` is the vocabulary of BERT base uncased (Google, Apache-2.0), which MiniLM and many
others share; its sha256 is 07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3. Devlin, Chang,
Lee & Toutanova, BERT, NAACL 2019.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from clean_al.encoders.errors import EncoderRefused
from clean_al.encoders.model import imported, translated
from clean_al.encoders.weights import Weights

VOCABULARY = "wordpiece_uncased.txt"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def uncased_tokenizer(max_length: int) -> Any:
    """BERT's uncased WordPiece tokenizer."""
    library = imported("tokenizers")
    # The last line ends with a line break: the empty string behind it is no word.
    words = files(__package__).joinpath(VOCABULARY).read_text(encoding="utf-8").split("\n")[:-1]
    numbers = {word: i for i, word in enumerate(words)}
    tokenizer = library.Tokenizer(library.models.WordPiece(numbers, unk_token="[UNK]"))  # noqa: S106
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = library.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(t, numbers[t]) for t in ("[CLS]", "[SEP]")]
    )
    tokenizer.enable_truncation(max_length)
    return tokenizer


def tokenizer_from(weights: Weights, max_length: int | None, longest: int) -> Any:
    """The tokenizer of a tokenizer.json, cutting at max_length, or where it says, or at longest.

    Raises
    ------
    EncoderRefused
        The file is no tokenizer.
    """
    library = imported("tokenizers")
    with translated(EncoderRefused, f"{weights.name} is no tokenizer"):
        tokenizer = library.Tokenizer.from_buffer(weights.data)
        own = (tokenizer.truncation or {}).get("max_length")
        # A tokenizer.json may ask for padding to a fixed length: every batch would be as long as the longest
        # text allowed.
        tokenizer.no_padding()
        tokenizer.enable_truncation(min(max_length or own or longest, longest))
    return tokenizer
