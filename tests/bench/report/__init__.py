"""How what was measured is shown: a table, a file, a picture for each area, a page."""
