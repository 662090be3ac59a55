"""Documents: papers from folders and public services, what they say, and whether they support a claim."""
