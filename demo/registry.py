"""All demos by name, English ones first."""

from demo.chinese.demos import CHINESE
from demo.english.demos import ENGLISH

DEMOS = {demo.name: demo for demo in (*ENGLISH, *CHINESE)}
