"""What the command line says on the side, on standard error, and text that is safe to show in a terminal."""

import os
import re
import sys

__all__ = ["drop_output", "printable", "say", "show_warning"]


def say(kind: str, message: object) -> None:
    print(f"gridbayes: {kind}: {printable(str(message))}", file=sys.stderr)


def show_warning(message: object, category: object, *place: object, **_: object) -> None:
    say("warning", message)


def printable(text: str) -> str:
    """`text` without the control characters that could drive a terminal; a file may hold any label."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)


def drop_output() -> None:
    """Send what is still to be flushed to nowhere, or the interpreter complains when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
