"""`make load`: people who register at a steady rate and at the highest, and a message to all of them.

Open loop: when somebody comes is settled by the clock, however slow the answers are; and a time is counted
from when something was due, so that whoever had to wait for their turn has waited. `course.py` has the order.
"""
