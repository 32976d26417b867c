"""A fingerprint of what a plan would do: the same for the same change on another machine and at another time.

It is made of what an apply would do, in an order and a form of its own. Of each resource that is not left as
it is that is the address, the action, where it is moved or imported from, what its provisioners run, and

- of what is created, or read when the plan is applied, each value;
- of what is updated, each attribute that changes, old and new; or just that it is known after apply only;
- of what is destroyed or forgotten, each value but those that AWS changes by itself (VOLATILE);
- of what is replaced, both of the last two, and each new value.

So the number of a pool's users, the time of day, Terraform's version and its reasons, and where the checkout
is do not matter. A file counts by its hash where the configuration sets that (FILES). Drift does not count:
what is done about it does. The providers' settings count, as the same change in another Region is another
one. What comes from the environment is not in a plan, and neither is what is ephemeral or write-only.

Lists keep their order, and so do sets. Terraform orders a set by its values, so that the same set is always
written in the same way; which attribute is a list, whose order may mean something, a plan does not say.

Secrets: a fingerprint is shown in public, beside everything that went into it but the sensitive values. With
a plain hash whoever knows the plan could try out a PIN offline, millions of times a second. So:

- with a key, which only those have who make fingerprints, it is an HMAC: nothing can be tried out;
- without one, all sensitive values together go through scrypt, with the rest of the plan as the salt. Each
  try costs 128 MB and a third of a second, and is of all of them at once: a long random one protects the
  others. A short one that is alone is made expensive to guess, and not impossible; give a key for those.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from scripts.plan_review import configuration
from scripts.plan_review.plan import Action, Change, Output, Plan
from scripts.plan_review.values import Json, Sensitive, Unknown, same

# a word of these in the name of an attribute says that AWS changes it by itself
VOLATILE = frozenset(
    (
        *(
            "accessed",
            "at",
            "bytes",
            "count",
            "date",
            "estimated",
            "last",
            "latest",
            "modified",
            "number",
            "size",
        ),
        *("state", "status", "time", "timestamp", "token", "updated", "usage", "used", "version"),
    )
)
# an attribute that is the path of a file on this machine → the hash of what is in it
FILES = {"filename": ("source_code_hash",), "source": ("source_hash", "etag")}
# "The scrypt Password-Based Key Derivation Function" (RFC 7914): cost, block size, parallelisation; 128 MB
SCRYPT = {"n": 2**17, "r": 8, "p": 1, "maxmem": 2**28}


def fingerprint(plan: Plan, key: bytes = b"") -> str:
    """The plan's fingerprint, e.g. v1-3f0c…, of 64 hexadecimal digits; v1k-… if it was made with a key.

    Two are to be compared only if they begin alike: another version of this page may look at other things.
    """
    secrets: list[Json] = []
    public = _text(_canonical(_doings(plan), secrets))
    secret = _text(_canonical(secrets, []))
    if key:
        return f"v1k-{hmac.new(key, _joined(public, secret), 'sha256').hexdigest()}"
    if secrets:
        public = _joined(public, hashlib.scrypt(secret, salt=hashlib.sha256(public).digest(), **SCRYPT))
    return f"v1-{hashlib.sha256(public).hexdigest()}"


def _doings(plan: Plan) -> Json:
    """What an apply would do, as JSON in which Sensitive and UNKNOWN stand for what they are."""
    changes = [change for change in plan.changes if change.action is not Action.NO_OP]
    return {
        "changes": [
            _doing(plan, change) for change in sorted(changes, key=lambda it: (it.address, it.deposed or ""))
        ],
        "outputs": [
            {"name": output.name, "actions": output.actions, "value": _done([_whole(output)], output.action)}
            for output in plan.outputs
            if output.action is not Action.NO_OP
        ],
        "invocations": [
            {"address": it.address, "type": it.type, "trigger": [it.trigger, it.event], "settings": it.new}
            for it in sorted(plan.invocations, key=lambda it: (it.address, it.trigger, it.event))
        ],
        "providers": configuration.providers(plan) if changes else {},
    }


def _doing(plan: Plan, change: Change) -> Json:
    runs = change.action in (Action.CREATE, Action.REPLACE, Action.DESTROY)
    return {
        "address": change.address,
        "deposed": change.deposed,
        "mode": change.mode,
        "type": change.type,
        "provider": [change.provider, configuration.provider(plan, change)],
        "actions": change.actions,
        "moved_from": change.previous_address,
        "imported_by": change.import_id if change.importing else None,
        "provisioners": configuration.provisioners(plan, change) if runs else None,
        "values": _done(_attributes(plan, change), change.action),
    }


@dataclass(frozen=True)
class _Attribute:
    """One attribute before and after; old and new without what may not be shown."""

    name: str
    before: Json
    planned: Json
    old: Json
    new: Json


def _attributes(plan: Plan, change: Change) -> list[_Attribute]:
    """The attributes of a resource; all of it as one if they may not be told apart."""
    sides = [change.before, change.planned, change.old, change.new]
    if not all(side is None or isinstance(side, Mapping) for side in sides):
        return [_whole(change)]
    named = [side or {} for side in sides]
    names = dict.fromkeys(name for side in named for name in side)
    known = named[0] if change.planned is None else named[1]
    return [
        _Attribute(name, *(side.get(name) for side in named))
        for name in names
        if not any(
            # one that nobody sets is that of the file before
            isinstance(known.get(its_hash), str) and configuration.is_set(plan, change, its_hash)
            for its_hash in FILES.get(name, ())
        )
    ]


def _whole(values: Change | Output) -> _Attribute:
    return _Attribute("", values.before, values.planned, values.old, values.new)


def _done(attributes: Iterable[_Attribute], action: Action) -> Json:
    """What is done to the attributes; those to which nothing is done are not there."""
    done: dict[str, Json] = {}
    for it in attributes:
        goes = None if VOLATILE & {*it.name.split("_")} else it.old
        if action in (Action.CREATE, Action.READ):
            done[it.name] = [it.new]
        elif action in (Action.DESTROY, Action.FORGET):
            done[it.name] = [goes]
        elif action is Action.REPLACE:
            done[it.name] = [goes, it.new]
        elif not same(it.before, it.planned):
            done[it.name] = [it.new] if isinstance(it.planned, Unknown) else [it.old, it.new]
    # an attribute that is null says no more than one that is not there
    return {name: pair for name, pair in done.items() if any(value is not None for value in pair)}


def _canonical(value: Json, secrets: list[Json]) -> Json:
    """JSON in one form, in which nothing can be taken for something else; secrets go apart."""
    if isinstance(value, Sensitive):
        hidden = value.reveal()
        if hidden is None or isinstance(hidden, Unknown):
            return ["sensitive", _canonical(hidden, secrets)]  # there is nothing to guess
        secrets.append(hidden)
        return ["sensitive"]
    if isinstance(value, Unknown):
        return ["unknown"]
    if isinstance(value, Mapping):
        return {str(name): _canonical(value[name], secrets) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return ["list", *(_canonical(inner, secrets) for inner in value)]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return ["number", _number(value)]
    return value


def _number(value: int | float | Decimal) -> str:
    """A number, the same however it was written: 1, 1.0, 1e0."""
    sign, digits, exponent = Decimal(str(value)).as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    short = text.rstrip("0")
    return f"{'-' if sign else ''}{short}e{int(exponent) + len(text) - len(short)}" if short else "0"


def _text(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _joined(*parts: bytes) -> bytes:
    """The parts in such a way that no others come to the same."""
    return b"".join(hashlib.sha256(part).digest() for part in parts)
