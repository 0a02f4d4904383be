"""The page that computes: how exact and how fast it is."""
