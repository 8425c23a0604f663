"""What becomes of a call: the judges that tests need most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from syscalls.seccomp import DIE, LET, Act, Call, Judge


def let_all(call: Call) -> Act:
    return LET


def every(call: Call) -> bool:
    return True


def die_at(number: int, counts: Callable[[Call], bool] = every) -> Judge:
    """SIGKILL in the place of the nth of the calls that count."""
    left = number

    def judge(call: Call) -> Act:
        nonlocal left
        left -= counts(call)
        return DIE if left <= 0 else LET

    return judge


def fail(name: str, error: int, *, at: int = 1, path: str = "", sticky: bool = False) -> Judge:
    """The nth call of this name whose path ends so fails with this errno, and with `sticky` every later one, too."""
    met: Counter[str] = Counter()

    def judge(call: Call) -> Act:
        if call.name != name or not call.path.endswith(path):
            return LET
        met[name] += 1
        return error if met[name] == at or (sticky and met[name] > at) else LET

    return judge
