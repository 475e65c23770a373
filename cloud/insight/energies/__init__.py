"""Energies of months by the bands of tariff plans, demand, reactive energy: what bills are priced from."""
