"""The mutants of a module: mutmut makes them, of its functions and of what stands outside these.

All mutants of a function go into one module, where a name chooses one while it runs ("mutant schemata").
mutmut leaves out what runs only while a module is imported, and decorated functions. Of these, constants of
the module, defaults of fields and properties are mutated here, by the same operators: such a mutant is a
statement, which takes the place of the original in the module that is loaded. Members of enumerations and
what decorators are given are left out here too.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

import libcst
from libcst import matchers
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import MutationVisitor, mutate_file_contents
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import get_ignored_lines
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

OUTSIDE = "(module)"


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    module: within the package.
    function: "Class.method" or "function"; the class, or OUTSIDE, of what is in none.
    before, after: the lines that differ, joined by a space.
    name: by which mutmut's code knows it. statement: what takes the original's place, where that has no name.
    """

    module: str
    function: str
    before: str
    after: str
    name: str = ""
    statement: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What is the same as long as the line is: not the number, which changes with each line above."""
        return (self.module, self.function, self.before, self.after)

    @property
    def differs(self) -> bool:
        """Whether it is more than a text in capitals or without: that dies with the same text in XX."""
        return self.before.lower() != self.after.lower()

    @property
    def tested_as(self) -> str:
        """The mutated function, as mutmut's code reports that it was called."""
        return self.name.partition("__mutmut_")[0]


def within(module: str, source: str) -> tuple[str, list[Mutant]]:
    """A module that holds all mutants of its functions, and what they are."""
    file = "/".join(["src", "notifications", *module.split(".")]) + ".py"
    made = mutate_file_contents(file, source)
    lines = made.code.splitlines()

    def text(function: str, name: str) -> list[str]:
        span = made.line_span_by_function_name[function]
        return [line.replace(function, name) for line in lines[span.start - 1 : span.end]]

    mutants = []
    for mangled in made.mutant_names:
        name, cls = orig_function_and_class_names_from_key(mangled)
        original = f"{mangled.partition('__mutmut_')[0]}__mutmut_orig"
        before, after = _difference(text(original, name), text(mangled, name))
        function = f"{cls}.{name}" if cls else name
        mutants.append(Mutant(module, function, before, after, f"notifications.{module}.{mangled}"))
    return made.code, [mutant for mutant in mutants if mutant.differs]


def outside(module: str, source: str) -> Iterator[Mutant]:
    """The mutants of what mutmut leaves out."""
    wrapper = MetadataWrapper(libcst.parse_module(source))
    visitor = _EveryFunction(mutation_operators, get_ignored_lines(module, source, wrapper))
    tree = wrapper.visit(visitor)
    for owner, statement in _statements(tree):
        inside = set(map(id, _walk(statement)))
        original = tree.code_for_node(statement)
        for mutation in visitor.mutations:
            if id(mutation.original_node) in inside:
                changed = statement.deep_replace(mutation.original_node, mutation.mutated_node)
                code = tree.code_for_node(changed)
                before, after = _difference(original.splitlines(), code.splitlines())
                mutant = Mutant(module, owner, before, after, statement=dedent(code).strip())
                if mutant.differs:
                    yield mutant


def _statements(tree: libcst.Module) -> Iterator[tuple[str, libcst.BaseStatement]]:
    """The assignments of a module and of its data classes, and its properties, each with where it is."""
    for statement in tree.body:
        if matchers.matches(statement, _ASSIGNMENT):
            yield OUTSIDE, libcst.ensure_type(statement, libcst.SimpleStatementLine)
        elif isinstance(statement, libcst.ClassDef) and statement.decorators:
            for member in statement.body.body:
                if matchers.matches(member, _DEFAULT | _PROPERTY):
                    yield statement.name.value, member  # type: ignore[misc]


def _walk(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    yield node
    for child in node.children:
        yield from _walk(child)


# what has a subscript is the name of a type
_ASSIGNMENT = matchers.SimpleStatementLine(
    [matchers.Assign(value=~matchers.Subscript()) | matchers.AnnAssign()]
)
_DEFAULT = matchers.SimpleStatementLine([matchers.AnnAssign(value=~matchers.Call(matchers.Name("field")))])
_PROPERTY = matchers.FunctionDef(decorators=[matchers.Decorator(matchers.Name("property"))])


class _EveryFunction(MutationVisitor):
    """mutmut's, which also goes into decorated functions."""

    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        return not isinstance(node, libcst.FunctionDef) and super()._skip_node_and_children(node)


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    changes = list(difflib.ndiff(before, after))

    def lines(mark: str) -> str:
        return " ".join(" ".join(line[2:].split()) for line in changes if line.startswith(mark))

    return lines("- "), lines("+ ")
