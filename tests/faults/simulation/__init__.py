"""The runtime in one thread: the product's own code and SQL, with time, order, crashes and the outside by seed."""
