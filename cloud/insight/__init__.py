"""Analysis of the station's own readings: what is run over the archive, and what came of it."""
