"""What came of a request → what becomes of its talk: the policy's table, applied.

A talk goes on, ends, is sent again, is halved, waits with everybody else, or is put off; or the run ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic

from syncline.delivery.attempt import Word, World
from syncline.delivery.denials import Denials, no
from syncline.delivery.desk import Desk
from syncline.delivery.gate import Gate
from syncline.delivery.pace import Pace
from syncline.delivery.patience import backoff_s, retry_after_s
from syncline.delivery.policy import Policy
from syncline.delivery.shelf import Shelf
from syncline.delivery.talk import R, Talk, W, remembered
from syncline.errors import (
    Again,
    Garbled,
    Misconfigured,
    Refused,
    SynclineError,
    Unfinished,
    counted,
    origin_of,
    place_of,
)
from syncline.model import Meaning, Remember, Request, Response, Stop
from syncline.ports import REMEMBERED


class Reactions(Generic[W, R]):
    """halt: ends the run."""

    def __init__(
        self,
        desk: Desk[W, R],
        world: World,
        policy: Policy,
        gate: Gate,
        paces: Mapping[str, Pace],
        shelf: Shelf[W, R],
        probe: Callable[[], Awaitable[Stop | None]],
        halt: Callable[[Stop], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._desk, self._world, self._policy, self._gate = desk, world, policy, gate
        self._paces, self._shelf, self._probe, self._halt = paces, shelf, probe, halt
        self._put_off: list[tuple[float, int]] = []  # in this pass: since when they failed, and how many items
        self._are_alone = False  # does this pass only try what failed while others were taken?
        self._denials = Denials(desk, gate, policy, self._refused, halt)
        self._flaky = 0  # 401s that were not repeated, though the credentials had not changed
        self._in_vain = 0  # times in a row that what was accepted came to nothing
        self._ours = 0  # faults of our own, and the last of them
        self._last_of_ours = ""

    def begin_pass(self, *, are_alone: bool) -> None:
        """are_alone: it only tries again what failed although the other side took others."""
        self._put_off, self._are_alone = [], are_alone
        self._denials.begin_pass()

    def judged(self) -> bool:
        """Nobody is under way: was there anybody to be judged without more evidence?"""
        return self._denials.judged()

    def end_pass(self) -> None:
        self._denials.end_pass()

    def end(self) -> None:
        """Whoever is not judged yet waits like all others that nobody takes up any more."""
        for talk in self._denials.let_go():
            self.park(talk)

    @property
    def alone(self) -> int:
        """Items put off in this pass although the other side took others since they began to fail."""
        return sum(items for since, items in self._put_off if self._gate.good_since(since))

    def park(self, talk: Talk[W, R], wait_s: float = 0.0) -> None:
        self._shelf.park(talk, self._loop.time() + wait_s)

    @property
    def remarks(self) -> list[str]:
        """What was odd, and cost nobody anything."""
        if not self._flaky:
            return []
        what = f"{counted(self._flaky, 'answer')} of 401 while the credentials were good"
        return [f"{what}: a probe said so, and the requests were sent again"]

    @property
    def bug(self) -> Stop | None:
        if not self._ours:
            return None
        return Stop("bug", f"{self._last_of_ours}. What it met is not lost. Please report it")

    @property
    def fruitless(self) -> Stop:
        """What to say of rows that are given up for this run, though nobody refused them."""
        return Stop("faults", f"{self._desk.left} met only faults, pass after pass; --resume tries again")

    @property
    def unsettled(self) -> Stop | None:
        """What to say at the end of all passes: a run that leaves something open has not simply finished."""
        if self.bug is not None:
            return self.bug
        if why := self._desk.unfinished:
            return Stop("unfinished", f"{why}; --resume asks again")
        return None

    # --- answers --------------------------------------------------------------------------------------------------

    async def hear(self, talk: Talk[W, R], word: Word) -> None:
        """The policy's table, applied."""
        response = word.response
        if word.stale and talk.stale < self._policy.stale_most:  # it says nothing about the API
            talk.stale += 1
            self.park(talk)
        elif response is None or word.meaning in {Meaning.TRANSIENT, Meaning.CONFLICT}:
            self._fault(talk, word)
        elif word.meaning is Meaning.THROTTLED:
            self._throttled(talk, response)
        elif word.meaning in {Meaning.DENIED, Meaning.ELSEWHERE}:
            await self._confirm(talk, word.meaning, response)
        elif word.meaning is Meaning.ABSENT and not self._gate.contacted:
            origin = self._desk.lanes[talk.request.lane].origin
            talk.doubt = True
            self.park(talk)
            self._halt(Stop("address", f"{origin} answers {response.status}: this is not the API; check baseUrl"))
        elif word.meaning is Meaning.ABSENT:  # the route was there: whoever stands before the API has lost it
            self._fault(talk, word)
        else:
            self._advance(talk, response)

    def _advance(self, talk: Talk[W, R], response: Response) -> None:
        """Hands the answer to the conversation, which asks on, ends, or gives up."""
        try:
            self._ask_on(talk, talk.conversation.send(response))
        except StopIteration as end:
            self._gate.answered(self._loop.time())
            if self._desk.conclude(talk, end.value):
                self._gate.delivered()
                self._in_vain = 0
                self._denials.taken()
            self._give_up_if_hopeless()
        except Refused as refusal:
            self._gate.answered(self._loop.time())
            self._refused(talk, refusal)
        except Garbled as nonsense:
            self._garbled(talk, str(nonsense))
        except Again as nothing:
            self._again(talk, str(nothing))
        except Unfinished as waiting:
            self._gate.answered(self._loop.time())
            self._desk.leave(talk, str(waiting))
            self._risk_no_more(talk, str(waiting))
        except Misconfigured as wrong:
            self.park(talk)
            self._halt(Stop(wrong.stops, str(wrong)))
        except SynclineError:
            raise
        except Exception as error:  # a fault of our own, about this answer: the other rows need not suffer for it
            self._failed_ourselves(talk, error)
        else:
            self._gate.answered(self._loop.time())
            talk.steps += 1
            self.park(talk, talk.request.pause_s)

    def _failed_ourselves(self, talk: Talk[W, R], error: Exception) -> None:
        """Not the row's fault, and not the other side's."""
        self._ours, self._last_of_ours = self._ours + 1, f"a bug in Syncline ({place_of(error)})"
        self._desk.leave(talk, self._last_of_ours)
        if self._ours > self._policy.ours_most and self.bug is not None:
            self._halt(self.bug)

    def _ask_on(self, talk: Talk[W, R], said: Request | Remember) -> None:
        """What is to be remembered is durable before the conversation goes on."""
        while (ticket := remembered(talk, said)) is not None:
            self._desk.remember(talk, ticket)
            said = talk.conversation.send(REMEMBERED)

    def _refused(self, talk: Talk[W, R], refusal: Refused) -> None:
        """A whole request was refused: halve it until the culprit stands alone."""
        if len(talk.items) == 1:
            self._desk.refuse(talk, refusal)
            self._give_up_if_hopeless()
            return
        self._forget(talk)
        talk.last_word = refusal.reason
        for half in talk.halves():
            self.park(half)

    def _give_up_if_hopeless(self) -> None:
        if why := self._desk.hopeless:
            self._halt(Stop("rejections", f"{why} What was not sent is not lost: --resume sends it"))

    def _forget(self, talk: Talk[W, R]) -> None:
        """It is sent once more, so nobody should ask for the result of the time before."""
        if talk.ticket is not None:
            self._desk.remember(talk, None)

    def _again(self, talk: Talk[W, R], why: str) -> None:
        """It was accepted, and nothing came of it, or nobody can say what: it is sent once more from the beginning. A
        batch that fares like this again and again, while others are taken, is halved."""
        talk.last_word, talk.doubt = why, True
        talk.failing_since = talk.began if talk.failing_since is None else talk.failing_since
        self._gate.failed(talk.began, self._loop.time())
        self._in_vain += talk.ticket is not None
        self._forget(talk)
        if self._in_vain >= self._policy.in_vain:
            self.park(talk.again())
            times = f"{self._in_vain} times in a row, what was accepted came to nothing (the last: {why})"
            self._halt(Stop("outage", f"{times}; run with --resume later"))
            return
        if talk.tries + 1 >= self._policy.tries and len(talk.items) > 1 and self._gate.taken_since(talk.failing_since):
            for half in talk.halves():
                half.tries = talk.tries  # one try each: a bulk call may be one of few
                self.park(half, backoff_s(talk.tries, self._policy.base_s, self._policy.cap_s, self._world.random))
        else:
            self._retry(talk.again(), self._policy.throttled_base_s)
        self._lose_patience("outage", why)

    def _garbled(self, talk: Talk[W, R], nonsense: str) -> None:
        """Nobody knows what was applied. When it is all that is ever heard, this is not the API; later it is sent once
        more as it is, then each item alone.

        Not a good answer: when everything is answered with nonsense (a captive portal), that is an outage.
        """
        if talk.steps:
            self._again(talk, nonsense)
            return
        talk.last_word, talk.doubt, talk.silent = nonsense, True, True
        self._gate.failed(talk.began, self._loop.time())
        if not self._gate.contacted and talk.tries + 1 >= self._policy.hopeless_tries:
            self.park(talk)
            self._halt(Stop("address", f"the answer makes no sense ({nonsense}): check baseUrl"))
        elif not self._gate.contacted:
            self._retry(talk.again(), self._policy.base_s)
        elif talk.garbled and len(talk.items) > 1:
            for item in talk.items:
                self.park(talk.about([item]))
        else:
            talk.garbled = True
            self._retry(talk.again(), self._policy.base_s)
        self._lose_patience("outage", nonsense)

    # --- faults ---------------------------------------------------------------------------------------------------

    def _fault(self, talk: Talk[W, R], word: Word) -> None:
        conflict = word.meaning is Meaning.CONFLICT
        talk.failing_since = talk.began if talk.failing_since is None else talk.failing_since
        self._gate.failed(talk.began, self._loop.time())
        self._retry(talk, self._policy.conflict_base_s if conflict else self._policy.base_s)
        if self._are_alone and self._gate.failing:  # others were taken: there is no outage whose end to wait for
            self._halt(self.fruitless)
        self._lose_patience("outage", word.text)
        if word.hopeless and not self._gate.contacted and talk.tries >= self._policy.hopeless_tries:
            self._halt(Stop("address", f"{word.text}; check baseUrl, region and the network"))

    def _retry(self, talk: Talk[W, R], base_s: float) -> None:
        """Another try after a jittered wait, or a later pass. A batch that always fails may hold one row that makes it
        fail: its halves are tried, so that the row does not take its neighbours with it."""
        talk.tries += 1
        if talk.tries < self._policy.tries or self._risks_all(talk):
            self.park(talk, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        elif len(talk.items) > 1 and not talk.steps:
            for half in talk.halves():
                self.park(half, backoff_s(talk.tries, base_s, self._policy.cap_s, self._world.random))
        else:
            self._put_off.append((talk.failing_since or talk.began, len(talk.items)))
            self._desk.defer(talk)

    def _risks_all(self, talk: Talk[W, R]) -> bool:
        """Was it accepted before anybody was taken? Then no more may be sent before it has a result."""
        return talk.ticket is not None and not talk.earlier and not self._gate.contacted

    def _risk_no_more(self, talk: Talk[W, R], why: str) -> None:
        if self._risks_all(talk):
            self._halt(Stop("unfinished", f"{why}, and this run has seen nobody taken; --resume asks again"))

    def _throttled(self, talk: Talk[W, R], response: Response) -> None:
        """The whole lane waits as long as the API asks; the talk loses no try."""
        talk.throttled += 1
        self._paces[talk.request.lane].throttled(talk.began, self._loop.time())
        wait_s = retry_after_s(response.headers, self._world.wall())
        self.park(talk)
        if wait_s is not None and wait_s > self._policy.retry_after_most_s:
            self.come_back_in(wait_s, f"the API asks to wait {wait_s:.0f} s")
            return
        if wait_s is None:
            policy = self._policy
            wait_s = backoff_s(talk.throttled, policy.throttled_base_s, policy.cap_s, self._world.random)
        jitter = self._world.random.uniform(0.0, self._policy.jitter_after_pause * wait_s)
        self._gate.throttled(talk.began, self._loop.time() + wait_s + jitter)
        self._lose_patience("throttled", f"status {response.status}")

    def come_back_in(self, wait_s: float, why: str) -> None:
        """Longer than a run should wait."""
        self._halt(Stop("throttled", f"{why}; run with --resume after that", self._world.wall() + wait_s))

    def _lose_patience(self, reason: str, last_word: str) -> None:
        if self._gate.out_of_patience(self._loop.time()):
            message = f"no good answer for {self._policy.patience_s:g} s (last: {last_word}); run with --resume later"
            self._halt(Stop(reason, message))

    async def _confirm(self, talk: Talk[W, R], meaning: Meaning, response: Response) -> None:
        """A 401, a 403 or a redirect: nobody starts until the probe has said whether it concerns everybody."""
        if self._gate.confirming or self._gate.stop:
            self.park(talk)
            return
        self._gate.shut()
        try:
            stop = await self._probe()
        finally:
            self._gate.reopen()
        self._gate.doubtful()  # what was in flight goes again one by one
        if stop is None and meaning is Meaning.ELSEWHERE:
            place = origin_of(response.headers.get("location", ""))
            stop = Stop("address", f"redirected to {place}, and redirects are never followed: check baseUrl")
        if stop is not None:
            self.park(talk)
            self._halt(stop)
        elif response.status == 403 or talk.denied:
            self._denied(talk, response.status)
        else:
            talk.denied += 1
            self._flaky += 1
            self.park(talk)

    def _denied(self, talk: Talk[W, R], status: int) -> None:
        """Refused though the probe was not. What was accepted is not refused by an answer to our asking."""
        if talk.ticket is None:
            self._denials.deny(talk, status)
            return
        self._desk.defer(talk, f"{no(status).reason}: may these credentials read what became of it?")
        self._risk_no_more(talk, f"it was accepted, and to ask what became of it was refused with status {status}")
