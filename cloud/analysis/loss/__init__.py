"""Line loss (线损) and what explains it: balances, technical baselines, ranked evidence; never a verdict."""
