"""The first attacks of this package, one file for each idea. All of them keep the answer, or say what it becomes; none reads a
resource that has to be downloaded."""
