"""Exceptions of the package: an instance that is raised again keeps the frames of each raise."""

import gc
import importlib
import pkgutil
from collections.abc import Iterator, Mapping

import todo_graphql


def test_no_exception_is_an_attribute_of_a_module_or_class() -> None:
    """Its traceback grows with each raise, and refers to the variables of its frames for ever."""
    found = {
        f"{owner}.{name}"
        for owner, namespace in namespaces()
        for name, value in list(namespace.items())
        if is_or_contains_exception(value)
    }
    assert found == set()


def namespaces() -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the attributes of each module and class of the package."""
    for found in pkgutil.walk_packages(todo_graphql.__path__, "todo_graphql."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        yield found.name, vars(module)
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == found.name:
                yield f"{found.name}.{value.__qualname__}", vars(value)


def is_or_contains_exception(value: object) -> bool:
    if isinstance(value, BaseException):
        return True
    is_container = isinstance(value, dict | list | tuple | set | frozenset)
    return is_container and any(isinstance(each, BaseException) for each in gc.get_referents(value))
