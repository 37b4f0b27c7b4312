"""One thing that the doctor found out."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so of a subject.

    Attributes:
        level: ok; note: slower or smaller than it could be; fault: something to mend.
        remedy: what to do about it, for a note or a fault.
    """

    subject: str
    text: str
    level: Literal["ok", "note", "fault"] = "ok"
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.level:<5}  {self.subject:<11}  {self.text}{remedy}"
