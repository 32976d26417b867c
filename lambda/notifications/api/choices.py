"""How a person's choices are written: whole, and only over the version that was read."""

from collections.abc import Mapping
from dataclasses import replace

from notifications.api.services import Person, Services
from notifications.preferences import ATTRIBUTES, Preferences


def with_choice(preferences: Preferences, category: str, choices: Mapping[str, bool | None]) -> Preferences:
    """Preferences with choices by channel; None takes one back."""
    chosen = {**preferences.channels.get(category, {}), **choices}
    kept = {channel: choice for channel, choice in chosen.items() if choice is not None}
    others = {key: value for key, value in preferences.channels.items() if key != category}
    return replace(preferences, channels={**others, category: kept} if kept else others)


def save(
    services: Services,
    person: Person,
    preferences: Preferences,
    resumed: tuple[str, ...] = (),
) -> bool:
    """Writes preferences with the next version; False when the record has changed meanwhile.

    resumed: stop keys to forget. The e-mail subscription that had ended is forgotten with its stop, so
        that the next message brings a new opt-in.
    """
    record = replace(preferences, version=person.version + 1).to_record()
    names = {f"#a{number}": name for number, name in enumerate(record)}
    values = {f":v{number}": value for number, value in enumerate(record.values())}
    sets = [f"#a{number} = :v{number}" for number in range(len(record))]
    removes = [name for name in ATTRIBUTES if name not in record]
    for number, key in enumerate(key for key in resumed if key in person.user.stopped):
        names[f"#s{number}"] = key
        removes.append(f"Stopped.#s{number}")
        removes += ["SubscriptionArn"] if key == "Email:sns" else []
    return services.users.update(
        person.user,
        f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
        {**values, ":seen": person.version},
        names,
        condition="Version = :seen"
        if person.version
        else "(attribute_not_exists(Version) OR Version = :seen)",
    )
