"""A log without its names: every name, address and MAC is replaced by another, the same one everywhere.

What is left tells the same story: who had which address when and why, up to renaming. See docs/log.md for what is
replaced and what stays. Read `redactor.py` first; nothing here opens a file or a database.
"""
