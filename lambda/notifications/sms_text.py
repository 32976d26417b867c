"""How long a text message is: in what it is written, and how many parts it is sent and billed as."""

from dataclasses import dataclass

# "SMS character limits" (AWS End User Messaging SMS User Guide): the GSM 03.38 set, and what costs two of it
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")

GSM_7 = "GSM-7"
UCS_2 = "UCS-2"
# encoding → units of a message that is one part, of each part of a longer one, and of the longest
_LIMITS = {GSM_7: (160, 153, 1530), UCS_2: (70, 67, 630)}
# "Publishing to a mobile phone" (Amazon SNS Developer Guide): of one publish
MAX_BYTES = 1600


class TooLongError(Exception):
    """A text is longer than SNS takes; the message says by how much, and not what it says."""


@dataclass(frozen=True)
class Segments:
    """How a text goes out.

    encoding: GSM-7, or UCS-2 as soon as one character needs it.
    units: of the encoding: septets, or 16-bit units.
    segments: the parts that it is billed as. SNS cuts between words, so now and then it is one more.
    """

    encoding: str
    units: int
    segments: int


def segments(text: str) -> Segments:
    """How a text goes out by SMS.

    Raises:
        TooLongError: it does not.
    """
    encoding = GSM_7 if _EXTENSION.union(_BASIC).issuperset(text) else UCS_2
    two = _EXTENSION if encoding == GSM_7 else frozenset(c for c in text if c > "\uffff")
    widths = [2 if character in two else 1 for character in text]
    one, each, longest = _LIMITS[encoding]
    units = sum(widths)
    size = len(text.encode(errors="surrogatepass"))
    if units > longest or size > MAX_BYTES:
        raise TooLongError(
            f"{units} units of {encoding} in {size} bytes, "
            f"and a text message has at most {longest} in {MAX_BYTES}"
        )
    return Segments(encoding, units, 1 if units <= one else _parts(widths, each))


def _parts(widths: list[int], each: int) -> int:
    """The parts that it takes. A character of two units goes whole into the next when one unit is left."""
    parts, left = 1, each
    for width in widths:
        if width > left:
            parts, left = parts + 1, each
        left -= width
    return parts
