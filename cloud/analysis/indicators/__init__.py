"""What is said of a load in numbers: day by day, month by month, band by band."""
