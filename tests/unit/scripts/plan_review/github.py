"""What a Markdown parser, which knows GitHub's tables, makes of a review."""

import html
import re
from collections import Counter

from markdown_it import MarkdownIt
from markdown_it.token import Token

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = re.compile(
    r"<!-- plan-review title=[\w.~%-]* fingerprint=[\w.~%-]* -->\n"
    r"|<details><summary>[a-z-]+( <code>[^<>\n]*</code>( and [\d,]+ more, all alike)?)?</summary>\n"
    r"|</details>\n?"
)
# what GitHub would make a mention, a reference or a link of
LINKS = re.compile(r"(?i)(^|\W)@\w|#\d|\bgh-\d|\w+://|\bwww\.|\w@\w")


def flat(tokens: list[Token]) -> list[Token]:
    return [it for token in tokens for it in (token, *(flat(token.children or [])))]


def shape(text: str) -> Counter[str]:
    """How many there are of each kind of token. What stands as text makes no link, and all HTML is ours."""
    tokens = flat(GITHUB.parse(text))
    for token in tokens:
        if token.type == "html_block":
            assert OURS.fullmatch(token.content), token.content
        if token.type == "text":
            assert not LINKS.search(html.unescape(token.content)), token.content
    return Counter(token.type for token in tokens)
