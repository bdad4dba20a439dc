"""`moodstream report`: one day of a lake as one HTML file, to read, to mail or to keep.

command.py     the options, and where the page is written
day.py         the day's rows, and those of the day before
figures.py     drawings, as SVG or PNG within the page
page.py        the page
"""
