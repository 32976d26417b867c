"""Looks at a deployed stack and says what is broken, and what to do: `make doctor ENV=prod USER=ada`.

It reads and changes nothing: a client refuses each call that is not in `access.OPERATIONS`. That list is also
what the identity that runs it needs, as an IAM policy: `make doctor ENV=prod ARGS=--policy`.
"""
