"""DL/T 645-2007 and -1997: frames, values, data identifiers and conversations."""
