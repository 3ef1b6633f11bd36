"""Signals: one asks, two insist; nothing that hangs keeps the program."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys, threading, time
from satchel.cli import running
from satchel.cli.output import HumanOutput
from satchel.core.errors import SatchelError

running.PROMPT_SECONDS = 0.5

async def patient(stop):
    print("ready", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print(stop.state, flush=True)

async def stubborn(stop):
    print("ready", flush=True)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            print("not now", flush=True)

async def threaded(stop):
    print("ready", flush=True)
    await asyncio.to_thread(time.sleep, 60)

try:
    running.run(globals()[sys.argv[1]], HumanOutput())
except SatchelError as error:
    print(error.message, flush=True)
    sys.exit(running.leave(error.exit_status))
"""


def start(what: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, what], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    return process.returncode, out


@pytest.mark.parametrize(
    ("number", "state", "told"),
    [(signal.SIGINT, "cancelled", "Cancelled."), (signal.SIGTERM, "interrupted", "Interrupted.")],
)
def test_a_signal_ends_in_good_order(number: signal.Signals, state: str, told: str) -> None:
    process = start("patient")
    process.send_signal(number)
    assert end(process) == (4, f"{state}\n{told}\n")


def test_a_second_interrupt_goes_at_once() -> None:
    process = start("stubborn")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "not now\n"
    process.send_signal(signal.SIGINT)
    assert end(process) == (4, "")


def test_a_termination_does_not_wait_for_what_hangs() -> None:
    process = start("stubborn")
    process.send_signal(signal.SIGTERM)
    assert end(process) == (4, "not now\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_thread_that_goes_on_does_not_keep_the_program(number: signal.Signals) -> None:
    process = start("threaded")
    process.send_signal(number)
    status, _ = end(process)
    assert status == 4
