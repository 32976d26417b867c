"""`make bench`: how fast and how dear the system is, side by side with the obvious version of it.

statistics.py  medians, and how sure they are
result.py      what a section has measured, and whether it is what was aimed at
obvious.py     the obvious version: what everybody writes first
the rest       the sections, one module each
"""
