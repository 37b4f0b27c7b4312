"""Settings refuse nonsense with the value and its limits."""

import re

import pytest

from training.errors import SettingError
from training.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "--epochs 0 is out of its limits: more than 0"),
        ("learning_rate", 2.0, "--learning-rate 2.0 is out of its limits"),
        ("head_learning_rate", -1.0, "--head-learning-rate -1.0"),
        ("batch_size", 0, "--batch-size 0 is out of its limits: 1 or more"),
        ("max_length", 4, "--max-length 4 is out of its limits: 8 tokens or more"),
        ("warmup_share", 1.0, "--warmup-share 1.0"),
        ("weight_decay", -0.1, "--weight-decay -0.1"),
        ("patience", -1, "--patience -1"),
        ("frozen_layers", -1, "--frozen-layers -1"),
        ("dropout", 1.0, "--dropout 1.0"),
        (
            "eval_fraction",
            0.6,
            "--eval-fraction 0.6 is out of its limits: more than 0, at most 0.5",
        ),
        ("limit", 1, "--limit 1 is out of its limits: 2 rows or more"),
    ],
)
def test_a_value_out_of_its_limits_is_named_with_them(name, value, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        Settings(**{name: value})
