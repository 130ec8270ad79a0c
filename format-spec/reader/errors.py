"""The one error of this reader: an object, the rule of ../spec that it breaks, and what is wrong (READ-6)."""

from contextlib import contextmanager


class Broken(Exception):
    """A MUST of the text does not hold. `object` is filled in by the nearest `about`."""

    def __init__(self, rule, what, obj=None):
        super().__init__(rule, what)
        self.rule, self.what, self.object = rule, what, obj

    def __str__(self):
        return f"{self.object or 'input'}: {self.rule}: {self.what}"


def need(holds, rule, what):
    """Refuses unless `holds`. `what` may be a function, for messages that cost something."""
    if not holds:
        raise Broken(rule, what() if callable(what) else what)


@contextmanager
def about(name):
    """Everything that breaks inside is the fault of the object called `name`, unless it was named already."""
    try:
        yield
    except Broken as broken:
        if broken.object is None:
            broken.object = name
        raise
