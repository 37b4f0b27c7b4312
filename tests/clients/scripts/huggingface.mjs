// Drives @huggingface/inference; prints what each case gave, as the Python scripts do.
import { readFileSync } from "node:fs";
import { InferenceClient } from "@huggingface/inference";

const [url, key, inputsFile, ...asked] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(inputsFile, "utf-8"));
const at = (model) => new InferenceClient(key).endpoint(`${url}/models/${model}`);
const labels = (text, model = "mood") => at(model).textClassification({ inputs: text });

const cases = {
  single: async () => [await labels(inputs.single)],
  list: async () => Promise.all(inputs.list.map((text) => labels(text))),
  pair: async () => [await labels(inputs.pair, "nli")],
  entities: async () => [
    await at("names").tokenClassification({
      inputs: inputs.single,
      parameters: { aggregation_strategy: "first" },
    }),
  ],
  unknown: () => labels(inputs.single, "none"),
  long: () => labels(inputs.long.repeat(40000)),
};

const answers = {};
for (const name of asked.length ? asked : Object.keys(cases)) {
  try {
    answers[name] = await cases[name]();
  } catch (error) {
    answers[name] = { error: `${error.name}: ${error.message}` };
  }
}
console.log(JSON.stringify(answers));
