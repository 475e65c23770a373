"""Where each daily indicator stands in an array, known here too: no page waits for compiled kernels."""

NAMES = (
    "energy_kwh", "max_kw", "min_kw", "max_slot", "load_factor", "peak_valley_rate", "sharp_share",
    "peak_share", "flat_share", "valley_share", "max_ramp_kw", "std_kw", "base_kw", "min_slot",
    "min_load_rate", "peak_valley_kw", "deep_valley_share", "valid_slots", "estimated_slots",
    "peak_hours", "night_share", "daytime_share", "zero_run", "frozen_run", "spike_ratio",
    "high_band_max_kw",
)  # fmt: skip
"""As `cloud.analysis.indicators.daily.INDICATORS` has them: a test holds the two against each other."""
COLUMN = {name: place for place, name in enumerate(NAMES)}
