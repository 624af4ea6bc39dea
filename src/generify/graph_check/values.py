"""What is known of a value before anything is computed, and what computing may cost.

In it: :class:`Value`, :class:`Cost`, :class:`Call`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.graph_check.onnx_file import BOOL, FLOAT, INT32, INT64, Graph, Node
from generify.graph_check.wire import Refusal

__all__ = ["Call", "Cost", "Value"]

_MAX_RANK = 8
_KIND_NAMES = {FLOAT: "float", INT32: "int32", INT64: "int64", BOOL: "bool"}
_KINDS = {np.dtype(np.float32): FLOAT, np.dtype(np.int32): INT32, np.dtype(np.int64): INT64}


@dataclass(frozen=True)
class Value:
    """Shape and kind of a value, and its content where that is a constant.

    Attributes
    ----------
    shape : tuple of int
        Sizes.
    kind : int
        Kind of its elements.
    constant : ndarray, optional
        What it holds.
    below : int, optional
        What its elements, which are 0 or more, are certainly below: they are places in a list.
    """

    shape: tuple[int, ...]
    kind: int
    constant: NDArray[Any] | None = None
    below: int | None = None

    @property
    def n_elements(self) -> int:
        """The product of its sizes."""
        return math.prod(self.shape)

    @classmethod
    def of(cls, constant: NDArray[Any]) -> Value:
        """Know all of a constant.

        Parameters
        ----------
        constant : ndarray
            Of one of the kinds that tensors may have.

        Returns
        -------
        Value
            With its content.
        """
        return cls(constant.shape, _KINDS[constant.dtype.newbyteorder("=")], constant)


@dataclass
class Cost:
    """What running a graph may still cost.

    Attributes
    ----------
    n_elements : int
        Elements of all values together.
    n_steps : float
        Additions, multiplications and the like.
    """

    n_elements: int = 2**26
    n_steps: float = 2.0**33

    def spend(self, value: Value) -> None:
        """Take the place that a value needs.

        Parameters
        ----------
        value : Value
            It.

        Raises
        ------
        Refusal
            When there is no more.
        """
        if len(value.shape) > _MAX_RANK:
            raise Refusal(f"makes values of {len(value.shape)} dimensions")
        self.n_elements -= value.n_elements
        if self.n_elements < 0:
            raise Refusal("needs more memory than any model of genres")

    def work(self, n_steps: float) -> None:
        """Take time.

        Parameters
        ----------
        n_steps : float
            How much.

        Raises
        ------
        Refusal
            When there is no more.
        """
        self.n_steps -= n_steps
        if self.n_steps < 0:
            raise Refusal("needs more time than any model of genres")


@dataclass(frozen=True)
class Call:
    """One operation and what goes into it.

    Attributes
    ----------
    node : Node
        The operation.
    inputs : tuple of Value
        What goes in.
    cost : Cost
        Paid from.
    """

    node: Node
    inputs: tuple[Value, ...]
    cost: Cost

    def wrong(self, why: str) -> Refusal:
        """Make the refusal of this operation.

        Parameters
        ----------
        why : str
            What is wrong with it.

        Returns
        -------
        Refusal
            To be raised.
        """
        return Refusal(f"has an operation {self.node.operator} that cannot be run: {why}")

    def integer(self, name: str, default: int | None = None) -> int:
        """Give an attribute that is an integer.

        Parameters
        ----------
        name : str
            Its name.
        default : int, optional
            Where it is absent; it must be there otherwise.

        Returns
        -------
        int
            Its value.

        Raises
        ------
        Refusal
            When it is something else.
        """
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.wrong(f"{name} should be an integer")
        return value

    def text(self, name: str, default: str) -> str:
        """Give an attribute that is text.

        Parameters
        ----------
        name : str
            Its name.
        default : str
            Where it is absent.

        Returns
        -------
        str
            Its value.

        Raises
        ------
        Refusal
            When it is something else.
        """
        value = self.node.attributes.get(name, default)
        if not isinstance(value, str):
            raise self.wrong(f"{name} should be text")
        return value

    def texts(self, name: str) -> list[str]:
        """Give an attribute that is a list of text.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        list of str
            Its value.

        Raises
        ------
        Refusal
            When it is something else or absent.
        """
        value = self.node.attributes.get(name)
        if not isinstance(value, list):
            raise self.wrong(f"{name} should be a list of text")
        return value

    def numbers(self, name: str, *, kind: type[np.generic] = np.float32) -> NDArray[Any]:
        """Give an attribute that is a list of numbers.

        Parameters
        ----------
        name : str
            Its name.
        kind : type
            Of its elements: float32 or int64.

        Returns
        -------
        ndarray
            Its value.

        Raises
        ------
        Refusal
            When it is something else or absent.
        """
        value = self.node.attributes.get(name)
        if not isinstance(value, np.ndarray) or value.dtype != kind:
            raise self.wrong(f"{name} should be a list of {np.dtype(kind).name}")
        return value

    def integers(self, name: str) -> NDArray[np.int64]:
        """Give an attribute that is a list of integers.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        ndarray of int64
            Its value.

        Raises
        ------
        Refusal
            When it is something else or absent.
        """
        return self.numbers(name, kind=np.int64)

    def graph(self, name: str) -> Graph:
        """Give an attribute that is a graph.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        Graph
            Its value.

        Raises
        ------
        Refusal
            When it is something else or absent.
        """
        value = self.node.attributes.get(name)
        if not isinstance(value, Graph):
            raise self.wrong(f"{name} should be a graph")
        return value

    def constant(self, number: int) -> list[int]:
        """Give an input that must be a constant list of integers.

        Parameters
        ----------
        number : int
            Which input.

        Returns
        -------
        list of int
            What it holds.

        Raises
        ------
        Refusal
            When it is no constant, or not such a list.
        """
        value = self.inputs[number]
        if value.constant is None or value.kind != INT64 or len(value.shape) != 1:
            raise self.wrong(f"input {number} should be a constant list of int64")
        return [int(i) for i in value.constant]

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Count an axis from the front.

        Parameters
        ----------
        axis : int
            Counted from the end where it is negative.
        rank : int, optional
            Number of axes; those of the first input by default.

        Returns
        -------
        int
            0 or more.

        Raises
        ------
        Refusal
            When there is no such axis.
        """
        rank = len(self.inputs[0].shape) if rank is None else rank
        if not -rank <= axis < rank:
            raise self.wrong(f"there is no axis {axis} among {rank}")
        return axis % rank

    def need(self, *kinds: int) -> None:
        """Make sure that all inputs are of one kind of these.

        Parameters
        ----------
        *kinds : int
            The kinds.

        Raises
        ------
        Refusal
            When an input is of another, or two differ.
        """
        found = {value.kind for value in self.inputs}
        if len(found) != 1 or not found <= set(kinds):
            names = " and ".join(_KIND_NAMES[kind] for kind in sorted(found))
            raise self.wrong(f"it cannot take {names}")

    def rows(self) -> tuple[int, int]:
        """Give the shape of the first input, which must be rows of float.

        Returns
        -------
        n_rows, n_columns : int
            Its sizes.

        Raises
        ------
        Refusal
            When it is something else.
        """
        first = self.inputs[0]
        if len(first.shape) != 2 or first.kind != FLOAT:
            raise self.wrong("it should be given rows of float")
        return first.shape[0], first.shape[1]
