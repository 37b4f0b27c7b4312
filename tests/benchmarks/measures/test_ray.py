"""The page compares turns of one round, and counts HAProxy with the services."""

from benchmarks.measures.ray import ALONE, PLACED, render


def turn(services: float) -> dict[str, float]:
    return {"requests": 1000, "services": services, "haproxy": 50.0, "ray_cores": 0.1}


def test_the_ratio_is_that_of_turns_in_the_same_round() -> None:
    page = render(
        {
            "when": "2026-11-27",
            "rounds": 3,
            "machine": {"cpu": "a CPU", "cpus": 2, "python": "3.11", "packages": {}},
            "turns": {
                PLACED: [turn(150.0), turn(250.0), turn(350.0)],
                ALONE: [turn(150.0), turn(200.0), turn(450.0)],
            },
        }
    )
    assert "take 1.00 (0.80 to 1.20) of what they take without Ray" in page
    assert "| placed by Ray | 250 (150 to 350) | 50 | 0.10 |" in page
    assert "6,000 requests, none failed" in page
