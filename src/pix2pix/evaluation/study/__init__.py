"""The perceptual study: people see pictures for a second and say which are real.

protocol   what is shown to whom: study.json
make       folders of pictures -> a study
answers    participants and their answers, in SQLite
app        the server and its page (static/)
stats      answers -> rates with bootstrap intervals
report     the same as a table, JSON and a page
"""
