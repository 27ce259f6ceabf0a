import pytest

from archcompiler.language.expression import parse_expression
from archcompiler.language.kinds import Kind, Name, kind_of_expression, mistakes

NAMES = {
    "c": Name("number"),
    "bias": Name("truth"),
    "mode": Name("word", ("hard", "soft")),
    "gate": Name("word"),
    "gate.preactivation": Name("truth"),
    "later": Name(),
}


def found(text: str, wanted: Kind = "number") -> list[tuple[str, str]]:
    """Each mistake with the text that it is at."""
    expression = parse_expression(text)
    return [(text[m.start : m.end], m.message) for m in mistakes(expression, NAMES, wanted)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("c / 4 + 2", "number"), ("-c", "number"), ("max(c, 3)", "number"), ("2.5", "number")),
        *(("c > 2", "truth"), ("not bias", "truth"), ("bias or c == 1", "truth")),
        *(("gate.preactivation", "truth"), ("1 < c <= 4", "truth"), ("True", "truth")),
        *(("mode", "word"), ("'hard' if bias else mode", "word"), ("3 if bias else c", "number")),
        *(("later", None), ("c if bias else later", "number"), ("later if bias else c", "number")),
    ],
)
def test_what_an_expression_gives(text: str, kind: Kind | None) -> None:
    assert kind_of_expression(parse_expression(text), NAMES) == kind
    assert found(text, kind or "number") == []


@pytest.mark.parametrize(
    ("text", "wanted", "place", "message"),
    [
        ("d + 1", "number", "d", "nothing is called `d` here"),
        ("c + bias", "number", "bias", "a number is needed, not true or false"),
        ("c", "truth", "c", "true or false is needed, not a number"),
        ("mode", "number", "mode", "a number is needed, not the word `mode`"),
        ("c + 'soft'", "number", "'soft'", "a number is needed, not the word `soft`"),
        ("mode == 'sofd'", "truth", "'sofd'", "`mode` is never `sofd`"),
        ("'sofd' != mode", "truth", "'sofd'", "`mode` is never `sofd`"),
        ("mode == 3", "truth", "3", "a word is needed, not a number"),
        ("mode > 'hard'", "truth", "mode", "a number is needed, not the word `mode`"),
        ("not c", "truth", "c", "true or false is needed, not a number"),
        ("c if c else 2", "number", "c", "true or false is needed, not a number"),
        ("c if bias else 'hard'", "number", "'hard'", "a number is needed, not the word `hard`"),
        ("log2(bias)", "number", "bias", "a number is needed, not true or false"),
        ("c.width", "number", "c.width", "nothing is called `c.width` here"),
    ],
)
def test_a_mistake_is_at_the_smallest_part(
    text: str, wanted: Kind, place: str, message: str
) -> None:
    assert (place, message) in found(text, wanted)


def test_one_cause_is_told_once() -> None:
    assert found("(d + 1) / 2 > 'x'", "truth") == [
        ("d", "nothing is called `d` here"),
        ("'x'", "a number is needed, not the word `x`"),
    ]
    assert found("c or 3", "number") == [("c", "true or false is needed, not a number")]
    assert found("d + d * d") == [("d", "nothing is called `d` here")] * 3
