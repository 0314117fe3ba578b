"""Side by side with peers: the same work on the same data, taken in turn, results compared first."""
