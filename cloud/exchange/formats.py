"""In which forms readings leave the house, and what of them: words, for who asks before much is loaded."""

from enum import StrEnum


class Format(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    ESPI = "espi"
    IEC61968 = "iec61968"


class Content(StrEnum):
    """What is asked for; CSV and Parquet are one table, and hold one of the two."""

    INTERVALS = "intervals"
    REGISTERS = "registers"
    BOTH = "both"
