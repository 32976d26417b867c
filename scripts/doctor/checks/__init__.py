"""The checks: a module for each subject, each with a function `(Context) -> Iterable[Finding]`."""
