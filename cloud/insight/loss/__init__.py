"""Line loss of the station's areas night by night, and the inspections it suggests; operators only."""
