"""Generated histories that checks are trained on until there are confirmed cases: seeded, and called generated wherever
a record speaks of them. They say how well a model finds what they contain, not how common it is in the world."""
