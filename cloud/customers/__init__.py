"""Who is served through which meter, and since when."""
