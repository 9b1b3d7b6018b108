"""Who calls, and what they may do.

Rules: knows no transport; credentials come in as text, a Caller comes out. Nothing that opens
anything is kept, logged or told: keys by digest and prefix, tokens by digest.
"""
