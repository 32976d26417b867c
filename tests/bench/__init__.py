"""`make bench`: how fast and how dear the system is, side by side with the obvious version of it.

statistics.py  medians, and how sure they are
result.py      what a section has measured, and whether it is what was aimed at
obvious.py     the obvious version: what everybody writes first
system.py      the deployed system, its calls written down by recording.py
calls.py       what DynamoDB charges for calls; bill.py and prices.toml: what all of it costs
the rest       the sections, one module each
"""
