"""Programs made at random, run by this interpreter and in the sandbox: both must say the same.

Rules: a program is a function of a `random.Random`, so a seed names it, and hypothesis can shrink
it. Programs end, print only what the language defines (no addresses, no order of sets of text, no
hashes), and go on after an exception, whose type and message they print.
"""
