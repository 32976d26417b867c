import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.sms_text import GSM_7, UCS_2, Segments, TooLongError, segments

# 128 characters in GSM 03.38: all but the escape
BASIC = 127
EXTENSION = "\f^{}\\[~]|€"
gsm = st.text("abc ÄÖÜäöüßéΩ@\n0!" + EXTENSION)
short = st.text(max_size=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments(GSM_7, 0, 1)),
        ("a" * 160, Segments(GSM_7, 160, 1)),
        ("a" * 161, Segments(GSM_7, 161, 2)),
        ("a" * 306, Segments(GSM_7, 306, 2)),
        ("a" * 307, Segments(GSM_7, 307, 3)),
        ("a" * 1530, Segments(GSM_7, 1530, 10)),
        ("€" * 80, Segments(GSM_7, 160, 1)),
        ("я" * 70, Segments(UCS_2, 70, 1)),
        ("я" * 71, Segments(UCS_2, 71, 2)),
        ("я" * 134, Segments(UCS_2, 134, 2)),
        ("я" * 135, Segments(UCS_2, 135, 3)),
        ("🙂" * 35, Segments(UCS_2, 70, 1)),
        ("ç", Segments(UCS_2, 1, 1)),
        ("Ç", Segments(GSM_7, 1, 1)),
    ],
)
def test_a_text_has_the_segments_of_its_encoding(text: str, expected: Segments) -> None:
    assert segments(text) == expected


def test_an_extension_character_is_not_split_between_segments() -> None:
    assert segments("a" * 152 + "€" + "a" * 151) == Segments(GSM_7, 305, 2)
    assert segments("a" * 152 + "€" + "a" * 152) == Segments(GSM_7, 306, 3)


def test_a_surrogate_pair_is_not_split_between_segments() -> None:
    assert segments("я" * 66 + "🙂" + "я" * 66) == Segments(UCS_2, 134, 3)
    assert segments("я" * 66 + "🙂" + "я" * 65) == Segments(UCS_2, 133, 2)


def test_one_character_too_many_for_the_small_set_costs_the_encoding_of_all() -> None:
    assert segments("a" * 160).segments == 1
    assert segments("a" * 159 + "ł") == Segments(UCS_2, 160, 3)


def test_the_small_set_is_that_of_gsm() -> None:
    units = [segments(chr(code)) for code in range(0xD800)]
    assert sum(found == Segments(GSM_7, 1, 1) for found in units) == BASIC
    assert {c for c in EXTENSION if segments(c) == Segments(GSM_7, 2, 1)} == set(EXTENSION)


@given(gsm)
def test_characters_of_gsm_alone_need_no_other_encoding(text: str) -> None:
    assert segments(text).encoding == GSM_7


@given(short)
def test_units_are_those_of_the_encoding(text: str) -> None:
    found = segments(text)
    if found.encoding == UCS_2:
        assert found.units == len(text.encode("utf-16-le")) // 2
    else:
        assert found.units == len(text) + sum(text.count(character) for character in EXTENSION)


@given(short)
def test_segments_are_as_many_as_the_units_need_and_at_most_a_unit_is_lost_in_each(text: str) -> None:
    found = segments(text)
    one, each = (160, 153) if found.encoding == GSM_7 else (70, 67)
    if found.units <= one:
        assert found.segments == 1
    else:
        assert -(-found.units // each) <= found.segments <= -(-found.units // (each - 1))


@pytest.mark.parametrize("text", ["a" * 1531, "€" * 766, "é" * 801, "я" * 631, "漢" * 534, "🙂" * 316])
def test_more_than_sns_takes_is_refused_without_saying_the_text(text: str) -> None:
    with pytest.raises(
        TooLongError, match=r"^\d+ units of \S+ in \d+ bytes, and a text message has"
    ) as caught:
        segments(text)
    assert text[:5] not in str(caught.value)


def test_half_a_character_is_a_character() -> None:
    assert segments("\ud83d").encoding == UCS_2
