"""Surveillance: what a fund's supervisor must see, from the records that settle the bill. Pure, and fed its time.

State is the facts of one subject within a horizon, set by key; rules are functions of all of them. So neither order nor
repetition of the input changes what comes out, and an undoing withdraws what rested on the undone.
"""
