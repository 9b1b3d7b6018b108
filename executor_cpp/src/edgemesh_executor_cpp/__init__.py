"""The executor of native algorithms, which come as C++ plugins.

Rules: `__main__` and `settings` make the front, which imports no native code; `runner`, `plugins`
and `describe` run in workers.
"""
