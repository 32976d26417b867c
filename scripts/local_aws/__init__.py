"""A local AWS: MiniStack, pinned, with the parts of AWS's contract that it lacks added by a small adapter.

`python -m scripts.local_aws up|status|down` runs it in the background on 127.0.0.1.
"""
