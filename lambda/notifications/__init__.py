"""Registration and notification: what the Lambda functions run.

handlers/   one module per function: parse, call, answer
the rest    what the handlers call: logic without AWS, and the two tables and the channels with it
"""
