"""The paper's ablations: its variants trained under one budget, scored, and set next to its numbers.

rows       the rows of its tables: settings, and what the paper measured
layout     its folder: each row with each seed, in a run folder
run        trains and scores one row after another; the same call goes on
tables     scores of all seeds -> means and spreads, row by row
report     the page, and a line of JSON for each score
"""
