"""What goes over a wire: bytes and values in, values and bytes out. No I/O, no clock."""
