"""What the gateway's own page shows and how it looks; `edge/page.py` serves it."""
