"""Finds every stage of the monitor, so that a new one is tested on the day it exists."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from typing import Protocol

import monitor


def module_names() -> list[str]:
    """Every module of the monitor but `__main__`, which runs it."""
    names = (info.name for info in pkgutil.walk_packages(monitor.__path__, "monitor."))
    return ["monitor", *sorted(name for name in names if not name.endswith("__main__"))]


def stage_classes() -> dict[str, type]:
    """Every public class with the shape of a stage, by qualified name; modules that fail to import are passed over."""
    found: dict[str, type] = {}
    for name in module_names():
        try:
            module = importlib.import_module(name)
        except Exception:
            # test_module_imports reports it; the laws of the others are still checked.
            continue
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == name and not cls.__name__.startswith("_") and is_stage(cls):
                found[f"{name}.{cls.__qualname__}"] = cls
    return found


def is_stage(cls: type) -> bool:
    """Whether instances have the shape of `monitor.core.stage.Stage`."""
    if getattr(cls, "_is_protocol", False) or Protocol in cls.__bases__:
        return False
    if not all(callable(getattr(cls, name, None)) for name in ("push", "flush", "reset")):
        return False
    return hasattr(cls, "latency") or "latency" in _attributes_set(cls)


def _attributes_set(cls: type) -> set[str]:
    """Names that the class annotates or its methods set on `self`."""
    names = set(getattr(cls, "__annotations__", {}))
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(cls)))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names
