"""Small things every slice uses: database, clock, errors, who may see what."""
