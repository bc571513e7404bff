"""Event-driven connection fields."""


def adopt(sim):
    pass
