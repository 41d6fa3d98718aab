"""The ground on loopback: one core, and softphones of ours, child processes that live for the session."""

import json
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from sip.softphone import Script
from tests.e2e.callback.core import Finished
from tests.e2e.callback.ear import EAR_S, Ear
from tests.e2e.callback.starvation import StarvationWatch
from tests.e2e.loopback.parties import Party, Phone
from tests.e2e.one_leg.cases import Case, Customer
from tests.e2e.one_leg.judge import Evidence
from tests.e2e.one_leg.sounds import Sounds

START_DEADLINE_S = 60.0
CALL_DEADLINE_S = 60.0
FIRST_PACKET_S = 0.023
"""The first packet may come before the softphone's jitter buffer is up; a packet and the edge's 3 ms."""

RINGS_S, ANSWERS_S = 0.05, 0.1


class Loopback:
    """A softphone a lane, and one core for all; end it with `close`."""

    lanes = 4

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        phones = [self._stack.enter_context(Phone(folder / "cache", Script())) for _ in range(self.lanes)]
        data = folder / "data"
        self._core = self._stack.enter_context(Core("-m", "tests.e2e.one_leg.core", str(data)))
        self._sounds = Sounds(folder / "sounds", data)
        self._free: SimpleQueue[Phone] = SimpleQueue()
        for phone in phones:
            phone.wait("ready", deadline_s=START_DEADLINE_S)
            self._free.put(phone)
        self._core.wait("ready", deadline_s=START_DEADLINE_S)

    def close(self) -> None:
        """End everybody, with nothing to complain of."""
        self._stack.close()

    def call(self, case: Case, attempt: int) -> Evidence:
        """See calls.Ground."""
        phone = self._free.get()
        try:
            return self._call(phone, case, attempt)
        finally:
            self._free.put(phone)

    def _call(self, phone: Phone, case: Case, attempt: int) -> Evidence:
        name = f"{case.id}-{attempt}"
        heard = self._folder / f"{name.replace(' ', '-')}.wav"
        scripts, captured, before = len(phone.all("script")), len(phone.all("captured")), len(phone.reports)
        phone.say(f"script {script_of(case.customer, heard).to_json()}")
        phone.wait_for("script", scripts + 1)
        with StarvationWatch([self._core.process.pid, phone.process.pid]) as watch:
            self._core.say(
                json.dumps({"call": name, "to": phone.uri, "order": self._sounds.in_files(case.order)})
            )
            over = self._core.wait("over", call=name, deadline_s=CALL_DEADLINE_S)
        told = [one["line"] for one in self._core.all("told", call=name)]
        finished = Finished(over["status"], json.dumps(over["record"]), "\n".join(told))
        ear, at_s = None, {"answered": 0.0, "ended": 0.0}
        if case.customer.answers:
            phone.wait_for("captured", captured + 1)
            at_s = {str(one["event"]): float(one["at_s"]) for one in phone.reports[before:]}
            ear = Ear.of(heard, at_s["capture"], self._sounds.known(case.speaks))
        return Evidence(
            case,
            finished,
            ear,
            answered_s=at_s["answered"],
            ended_s=at_s["ended"],
            ear_s=EAR_S,
            lost_s=FIRST_PACKET_S,
            starved_s=watch.longest_s,
            attempt=attempt,
        )


class Core(Party):
    """The core of all calls: core.py."""


def script_of(customer: Customer, heard: Path) -> Script:
    """A customer as a softphone's script."""
    return Script(
        ring_after_s=None if customer.busy else RINGS_S,
        answer_after_s=ANSWERS_S if customer.answers or customer.busy else None,
        reject=486 if customer.busy else 0,
        hear=str(heard),
        hang_up_after_s=customer.stays_s if customer.stays_s < 1e6 else None,
        digits_after_s=customer.after_s if customer.keys else None,
        digits=customer.keys,
        digits_by=customer.by,
        digit_on_ms=customer.on_ms,
        digit_off_ms=customer.off_ms,
    )
