"""All demos by name, the English ones first."""

from training.demo.chinese import CHINESE
from training.demo.english import ENGLISH

DEMOS = {demo.name: demo for demo in (*ENGLISH, *CHINESE)}
