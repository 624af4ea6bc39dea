"""``generify doctor`` as people and programs see it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from conftest import Command
from generify import doctor
from generify.doctor import CHECKS, State

FINDINGS = {
    "decoders": lambda: iter([(State.OK, "all of them", "")]),
    "disk": lambda: iter([(State.WARNING, "little is free", "make room"),
                          (State.ERROR, "nothing is free", "buy one")]),
}  # fmt: skip


@pytest.fixture
def ill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", FINDINGS)


def test_all_is_well(command: Command) -> None:
    done = command("doctor")
    assert (done.code, done.err) == (0, "all is well\n")
    lines = done.out.splitlines()
    assert {line.split()[0] for line in lines} == {"ok"}
    assert len(lines) >= len(CHECKS)
    assert done.out.endswith("\n")


@pytest.mark.usefixtures("ill")
def test_what_is_to_be_mended_stands_below(command: Command) -> None:
    done = command("doctor")
    assert (done.code, done.err) == (1, "2 things to mend\n")
    assert [" ".join(line.split()) for line in done.out.splitlines()] == [
        "ok decoders all of them",
        "warning disk little is free",
        "mend it: make room",
        "error disk nothing is free",
        "mend it: buy one",
    ]


@pytest.mark.usefixtures("ill")
def test_for_programs(command: Command) -> None:
    done = command("doctor", "--format", "json")
    assert done.code == 1
    records = json.loads(done.out)
    assert records[1] == {
        "what": "disk", "state": "warning", "message": "little is free", "cure": "make room",
    }  # fmt: skip
    done = command("doctor", "--format", "csv")
    assert list(csv.DictReader(io.StringIO(done.out))) == records
