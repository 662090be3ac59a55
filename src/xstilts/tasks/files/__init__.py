"""Files of tasks: where they are, how they are read, unpacked, downloaded, taken from the Hub and checked."""
