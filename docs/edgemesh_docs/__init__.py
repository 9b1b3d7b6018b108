"""What the site is made of beside its own pages: pages that lie elsewhere in the house, and the
reference, which is made from the sources whenever the site is built.
"""
