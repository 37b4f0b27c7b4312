"""What several rows of this board ask for, and where its values begin to be bad."""

from deploy.grafana.panels import Steps
from deploy.grafana.promql import INSTANCE, MODEL, VERSION

SCORE = "classmark_answer_score"
ANSWERS = f"classmark_answers_total{{{VERSION}}}"
SCORED = f"{SCORE}_count{{{VERSION}}}"
BELOW = f'{SCORE}_bucket{{{VERSION},le="0.6"}}'
READ = f"classmark_input_tokens_sum{{{VERSION}}}"
UNKNOWN = f"classmark_unknown_tokens_total{{{VERSION}}}"
INPUTS = f"classmark_input_tokens_count{{{MODEL}}}"
TRUNCATED = f"classmark_truncated_inputs_total{{{MODEL}}}"
OPINIONS = f"classmark_opinions_total{{{INSTANCE}}}"
NEGATIVE = f'classmark_opinions_total{{{INSTANCE},sentiment="negative"}}'
DRIFT = "classmark:answers:psi - classmark:answers:psi_chance"
SURGES = 'ALERTS{alertname="ClassmarkOpinionSurge"}'
SURGE = 'ALERTS{alertname="ClassmarkOpinionSurge",alertstate="firing"}'
EACH, NAME = "model, version", "{{model}} {{version}}"
DOUBTFUL: Steps = (("orange", 0.2), ("red", 0.4))
STRANGE: Steps = (("orange", 0.05), ("red", 0.2))
ANGRY: Steps = (("orange", 0.5), ("red", 0.7))
