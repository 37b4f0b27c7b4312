"""All demos by name, the English ones first."""

from demo.chinese import CHINESE
from demo.english import ENGLISH

DEMOS = {demo.name: demo for demo in (*ENGLISH, *CHINESE)}
