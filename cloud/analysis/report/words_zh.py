"""The report's texts in Chinese; keys are the English texts of the sections."""

ZH: dict[str, str] = {}
