"""Why is it as it is, and what if it were not? Answers as values, from a state that the fold has come to; pure.

Nothing here decides. Rules are asked where they are stated (`porter.reconciler.terms`, `eligibility`, `pools`), and
what was decided is read, so that an explanation and a decision cannot part.
"""
