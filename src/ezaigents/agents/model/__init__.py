"""An agent that asks a model: one loop, a journal, limits.

Job: from a claim to a report and a patch, through steps that are each on the disk before the next begins. Not its job:
providers, money, tools, commands (their own rooms).
"""
