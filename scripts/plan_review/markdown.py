"""A review as Markdown for a comment on GitHub, out of which no text of the plan can break.

Texts of the plan stand in code: in a span in a table or sentence, in a fenced block, or in HTML's <code>.
There GitHub makes no links, mentions or references of them either. The rules of escaping are those of the
"GitHub Flavored Markdown Spec": code spans, fenced code blocks, HTML blocks, tables.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from urllib.parse import quote

from scripts.plan_review.differences import Line, compare, forcing, lines, path
from scripts.plan_review.guard import Finding, Verdict
from scripts.plan_review.plan import Action, Change, Check, Plan
from scripts.plan_review.summary import DRIFT, Code, Row, by_rule, headline, rows, telling
from scripts.plan_review.values import visible

# what GitHub takes for a comment; it counts characters, and here an astral one counts for two, as in UTF-16
LIMIT = 65_536
# what is left of it for the notice of what was cut
NOTICE = 500
# the least limit: enough for all that is never cut
LEAST = 6_000
# characters of a title, and of a message or an address
TITLE, TEXT = 100, 1_000
# of a check's messages and of a finding's details
MOST = 5
# of a rule with its findings
RULE_LENGTH = 8_000
# of the attributes of one resource
DETAIL_LINES, DETAIL_LENGTH = 150, 8_000

# the kinds of parts, by what they are called where it is said that some were cut
FINDINGS, OVERRIDDEN = "rules that stop it", "rules that were overridden"
NOT_JUDGED, UNUSED = "rules that could not judge", "overrides that are not needed"
CHECKS, ROWS, DETAILS = "checks that do not hold", "rows", "lists of attributes"
# what stands above them
ABOVE = {
    FINDINGS: "> [!CAUTION]\n> **The guard stops this plan.** What is meant can be allowed by name, as "
    "`rule=address`.\n>",
    OVERRIDDEN: "> [!WARNING]\n> **Overridden:** this would stop the plan, and was allowed by name.\n>",
    CHECKS: "> [!WARNING]\n> **Checks that do not hold:**\n>",
    ROWS: "| Action | Resource | |\n|---|---|---|",
    NOT_JUDGED: "> [!NOTE]\n> **Not judged**, because it is new and known after apply only:\n>",
    UNUSED: "> [!NOTE]\n> **Allowed by name, and not needed:**\n>",
}
# what is kept first if not all has room: the lower. What the guard names is as if it were replaced.
LOUD = (Action.DESTROY, Action.REPLACE, Action.FORGET)
ROW_RANKS: dict[str, int] = {**dict.fromkeys(LOUD, 2), Action.CREATE: 4, Action.READ: 4}
ROW_RANK, NAMED_RANK, OUTPUTS_RANK = 3, 5, 8
DETAIL_RANKS: dict[str, int] = {
    Action.REPLACE: 5,
    Action.DESTROY: 6,
    Action.UPDATE: 7,
    DRIFT: 8,
    Action.CREATE: 9,
    Action.READ: 9,
}
# the share of the room that rows may take
ROWS_SHARE = 2 / 3


@dataclass(frozen=True)
class Part:
    """A part of the review that is left out if it has no room.

    kind: the section in which it stands, and what it is called where it is said that some were cut.
    rank: those of a lower one are kept first.
    """

    kind: str
    rank: int
    text: str


def header(title: str, fingerprint: str | None = None) -> str:
    """The first line of a review, by which its comment is found again: an HTML comment.

    It begins with `<!-- plan-review title=… ` whatever the fingerprint; both are percent-encoded.
    """
    title, mark = (quote(text, safe="", errors="replace") for text in (title, fingerprint or ""))
    return f"<!-- plan-review title={title} fingerprint={mark} -->"


def markdown(
    plan: Plan,
    *,
    title: str,
    verdict: Verdict = Verdict(),  # noqa: B008 - it cannot be changed
    fingerprint: str | None = None,
    limit: int = LIMIT,
) -> str:
    """The review of a plan. If not all has room, what cannot be undone is kept first, and what was cut said.

    Args:
        title: what the plan is of, e.g. an environment; at most TITLE characters.
        verdict: what the guard says of it.
        limit: of its length, in UTF-16 code units; at least LEAST.

    Raises:
        ValueError: the title or the limit is out of bounds.
    """
    if len(title) > TITLE or limit < LEAST:
        raise ValueError(f"A title has at most {TITLE} characters, and a review room for {LEAST:,}.")
    top = f"{header(title, fingerprint)}\n### {prose(title)}: {headline(plan)}"
    warnings = [*_warnings(plan)]
    bottom = [f"Fingerprint {code(fingerprint)}"] if fingerprint else []
    parts = [*_parts(plan, verdict)]
    heads = [Part(kind, 0, "") for kind in {part.kind for part in parts}]
    frame = _page([top, *warnings], heads, bottom)
    kept = _fitting(parts, limit - length(frame) - NOTICE)
    return _page([top, *_notice(parts, kept, limit), *warnings], kept, bottom)


def length(text: str) -> int:
    """In UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def code(text: str) -> str:
    """A text as a code span, also in a table's cell. The two characters that could end it are escaped."""
    text = visible(_shortened(text)).replace("`", "\\u0060").replace("|", "\\u007c")
    return f"`{text}`" if text else '`""`'


def prose(text: str) -> str:
    """A text as such: nothing in it is Markdown, HTML, or a mention, reference or address to GitHub."""
    text = "".join(
        it if it.isalnum() or it in " ,.;:()'\"/-+=%?" else f"&#{ord(it)};"
        for it in visible(_shortened(text))
    )
    # U+2060, the word joiner, has no width: it only parts what GitHub would take for one
    return re.sub(r"(?i)(&#64;|&#35;|:(?=//)|\bwww(?=\.)|\bgh-(?=\d))", "\\1\N{WORD JOINER}", text)


def sentence(text: str) -> str:
    """A message on one line, with what stands between backticks as code."""
    pieces = _shortened(" ".join(text.split())).split("`")
    if len(pieces) % 2 == 0:
        return prose("`".join(pieces))
    return "".join(code(piece) if place % 2 else prose(piece) for place, piece in enumerate(pieces) if piece)


def fence(found: Iterable[Line]) -> str:
    """Lines as a fenced block that GitHub colours as a diff."""
    body = "\n".join(f"{line.sign} {'  ' * line.depth}{visible(line.text)}" for line in found)
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", body)), default=0))
    return f"{ticks}diff\n{body}\n{ticks}"


def _warnings(plan: Plan) -> Iterator[str]:
    if plan.errored:
        yield "> [!CAUTION]\n> **Planning failed half-way:** this plan cannot be applied."
    if not plan.complete:
        yield "> [!WARNING]\n> **This plan leaves something out**, by -target or for a later plan."


def _parts(plan: Plan, verdict: Verdict) -> Iterator[Part]:
    yield from (Part(FINDINGS, 0, text) for text in _findings(verdict.stops, advise=True))
    yield from (Part(OVERRIDDEN, 1, text) for text in _findings(verdict.overridden))
    yield from (Part(CHECKS, 1, _check(check)) for check in plan.checks)
    yield from (Part(NOT_JUDGED, 1, text) for text in _findings(verdict.not_judged))
    yield from (Part(UNUSED, 1, f"> - {code(name)}") for name in verdict.unused)
    found = rows(plan)
    yield from (Part(ROWS, ROW_RANKS.get(row.action, ROW_RANK), _row(row)) for row in found)
    yield from _lists(plan, found, {finding.address for finding in (*verdict.stops, *verdict.overridden)})
    outputs = [
        line
        for output in plan.outputs
        if output.action is not Action.NO_OP
        for line in compare(path("", output.name), output.old, output.new)
    ]
    if outputs:
        yield Part(DETAILS, OUTPUTS_RANK, _folded("outputs", _limited(outputs)))


def _lists(plan: Plan, found: Sequence[Row], named: Set[str]) -> Iterator[Part]:
    """What happens to the attributes of each resource; once for those to which the same happens."""
    alike: dict[tuple[str, tuple[Line, ...]], list[str]] = {}
    for row in found:
        if row.action in DETAIL_RANKS and row.change and (said := tuple(_details(plan, row.change))):
            alike.setdefault((row.action, said), []).append(row.address)
    for (action, said), addresses in alike.items():
        what = f"{action} <code>{html.escape(visible(_shortened(addresses[0])))}</code>"
        others = [Line("#", address) for address in addresses[1:]]
        if others:
            what += f" and {len(others):,} more, all alike"
            others = [Line("#", "the same happens to"), *_limited(others), Line("#", "and to each of them:")]
        rank = NAMED_RANK if named & {*addresses} else DETAIL_RANKS[action]
        yield Part(DETAILS, rank, _folded(what, [*others, *said]))


def _page(above: Sequence[str], parts: Sequence[Part], below: Sequence[str]) -> str:
    texts = {kind: [part.text for part in parts if part.kind == kind] for kind in (*ABOVE, DETAILS)}
    sections = ["\n".join([head, *texts[kind]]) for kind, head in ABOVE.items() if texts[kind]]
    return "\n\n".join([*above, *sections, *texts[DETAILS], *below]) + "\n"


def _fitting(parts: Sequence[Part], room: int) -> list[Part]:
    """The parts that have room, in their order."""
    kept, for_rows = set(), int(room * ROWS_SHARE)
    for place, part in sorted(enumerate(parts), key=lambda it: it[1].rank):
        needed = length(part.text) + (2 if part.kind == DETAILS else 1)  # with the line breaks that part them
        if needed <= room and (part.kind != ROWS or needed <= for_rows):
            room -= needed
            for_rows -= needed * (part.kind == ROWS)
            kept.add(place)
    return [part for place, part in enumerate(parts) if place in kept]


def _notice(parts: Sequence[Part], kept: Sequence[Part], limit: int) -> Iterator[str]:
    there, left = (Counter(part.kind for part in some) for some in (parts, kept))
    cut = [
        f"{number - left[kind]:,} of {number:,} {kind}"
        for kind, number in there.items()
        if number > left[kind]
    ]
    if cut:
        yield (
            f"> [!IMPORTANT]\n> **Cut** to fit into {limit:,} characters: {', '.join(cut)} are not shown. "
            "`terraform show` of the saved plan shows all."
        )


def _findings(findings: Sequence[Finding], *, advise: bool = False) -> Iterator[str]:
    """The findings of each rule."""
    for rule, some in by_rule(findings):
        advice = f" {sentence(rule.do)}" if advise else ""
        said = f"> - **{prose(rule.name)}**: {sentence(rule.says)}{advice}"
        for number, finding in enumerate(some):
            details = telling(finding)
            line = f"\n>   - {code(finding.address)}{': ' * bool(details)}{_codes(details)}"
            if length(said) + length(line) > RULE_LENGTH:
                said += f"\n>   - and {len(some) - number:,} more"
                break
            said += line
        yield said


def _check(check: Check) -> str:
    said = "; ".join(map(sentence, check.problems[:MOST])) or "it could not be told whether it holds"
    more = len(check.problems) - MOST
    return f"> - {code(check.address)}: {said}{f'; and {more:,} more' if more > 0 else ''}"


def _codes(texts: Sequence[str]) -> str:
    more = len(texts) - MOST
    return ", ".join(map(code, texts[:MOST])) + (f" and {more:,} more" if more > 0 else "")


def _row(row: Row) -> str:
    action = f"**{row.action}**" if row.action in LOUD else row.action
    note = "".join(code(piece) if isinstance(piece, Code) else piece for piece in row.note)
    return f"| {action} | {code(row.address)} | {note} |"


def _details(plan: Plan, change: Change) -> Iterator[Line]:
    forced = forcing(change) if change.action is Action.REPLACE else []
    if forced:
        yield Line("#", f"forces the replacement: {', '.join(forced)}")
    yield from _limited(lines(plan, change))


def _limited(found: Iterable[Line]) -> Iterator[Line]:
    """As many lines as have room in a review."""
    room, all_of_them = DETAIL_LENGTH, [*found]
    for number, line in enumerate(all_of_them):
        room -= length(visible(line.text)) + 2 * line.depth + 3
        if number == DETAIL_LINES or room < 0:
            yield Line("#", f"… {len(all_of_them) - number:,} more lines")
            return
        yield line


def _folded(what: str, found: Iterable[Line]) -> str:
    # a blank line ends the HTML, so that what follows is Markdown
    return f"<details><summary>{what}</summary>\n\n{fence(found)}\n\n</details>"


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[:TEXT]}… ({len(text) - TEXT:,} more characters)"
