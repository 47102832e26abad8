"""Evaluations next to each other: which model is better, how sure that is, and where they differ.

stored       a report that `pix2pix evaluate` wrote, read again; which of them can be compared
resampling   differences of scores with bootstrap intervals
compare      all scores of all runs
page         the page, JSON lines and the table of pictures
"""
