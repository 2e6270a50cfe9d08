"""Which texts are no English ones."""

import pytest

from affectspace.prediction.language import unusual_text


@pytest.mark.parametrize(
    "text",
    [
        "What a wonderful day!", "ok", "I'm furious", "THIS IS GREAT!!!", "la la la la", "Ho-ho-ho, fried stuff with cheese!",
        "Caf\u00e9 na\u00efve", "Die Hard is on", "My flight to S\u00e3o Paulo was late", "hmm \U0001f600",
    ],
)  # fmt: skip
def test_english_passes(text: str) -> None:
    assert unusual_text(text) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Ich bin so traurig, ich m\u00f6chte weinen.", "not in English"),
        ("Je suis content de te voir.", "not in English"),
        ("Qu\u00e9 d\u00eda tan maravilloso, estoy muy feliz.", "not in English"),
        ("Non sono molto contento di questo.", "not in English"),
        ("Jag \u00e4r inte glad och det \u00e4r mycket.", "not in English"),
        ("\u6211\u4eca\u5929\u975e\u5e38\u9ad8\u5174", "another script"),
        ("\u042f \u043e\u0447\u0435\u043d\u044c \u0441\u0447\u0430\u0441\u0442\u043b\u0438\u0432", "another script"),
        ("4711 0815", "no words"),
        ("\U0001f600\U0001f600", "no words"),
        ("?!", "no words"),
    ],
)
def test_other_texts_are_noted(text: str, reason: str) -> None:
    assert reason in unusual_text(text)


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("asdf qwer zxcv", True),
        ("Bonjour", True),
        ("Je t\u2019aime", True),  # t is no word
        ("Ecstatic!", False),  # one long piece and a short one
        ("oooh noooo", False),  # oh, no
        ("happy asdf zxcv", True),
        ("happy happy asdf", False),
        ("I am an asdf", False),  # function words
        ("qw", False),
    ],
)
def test_words_that_fall_into_short_pieces(text: str, noted: bool) -> None:
    known = {"oh": 1, "no": 1, "happy": 1, "ecstatic": 2, "bonjour": 3}
    reason = unusual_text(text, lambda words: [known.get(word, len(word)) for word in words])
    assert reason == ("few words of the text are English, which the model was trained on" if noted else "")
    assert unusual_text(text) == ""
