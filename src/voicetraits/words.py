"""When two words, as people write them, are the same."""

import unicodedata


def comparable(text: str) -> str:
    """Letters and digits alone, without case and diacritics: words that differ only in the rest are the same word.

    >>> comparable(" [Männlich]; ") == comparable("MANNLICH")
    True
    """
    # The second normalisation takes apart what the change of case has put together.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(_SAME_LETTER.get(char, char) for char in text if char.isalnum())


#: Letters that stand for each other: the dotless i, and the Arabic keyboard's letters in Persian words.
_SAME_LETTER = {"ı": "i", "ي": "ی", "ى": "ی", "ك": "ک"}
