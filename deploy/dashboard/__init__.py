"""The demo's dashboard, live from gold: app.py draws the page, charts.py its charts, gold.py reads the tables."""
