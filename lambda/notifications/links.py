"""Links that a message carries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from notifications.tokens import Tokens, Unsubscription
from notifications.users import User

# The law of some countries wants a month; a message is read again long after
UNSUBSCRIBE_IS_GOOD_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Links:
    """Links to the HTTP API. endpoint: its URL, without a slash at the end."""

    tokens: Tokens
    endpoint: str

    def unsubscribe(self, user: User, category: str, channel: str, now: datetime) -> str:
        """Where a person switches off a category on a channel, without signing in.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: the link could not be signed.
        """
        what = Unsubscription(user.user_id, user.sub, category, channel)
        token = self.tokens.sign(what, now + UNSUBSCRIBE_IS_GOOD_FOR)
        return f"{self.endpoint}/unsubscribe?{urlencode({'token': token})}"
