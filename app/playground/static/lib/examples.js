// Texts to begin with, by task; the words on their buttons are keys of the dictionary.

const NEWS = "Angela Merkel met Emmanuel Macron in Paris on Tuesday.";
const REVIEWS = [
  "The first hour drags, and the jokes are older than the cast.",
  "Then the story finds its feet, and the last act is a joy to watch.",
  "I would not call it great, but I left the cinema smiling.",
];
const REPORTS = [
  NEWS,
  "Tim Cook opened a new Apple store in Berlin while Sundar Pichai spoke in London.",
  "The talks go on in Geneva, said Maria Lopez of the United Nations.",
];
const repeated = (sentences, times) => Array(times).fill(sentences.join(" ")).join(" ");

const CLASSIFY = [
  { name: "example_review", text: "A squad of misfits, and still great fun." },
  { name: "example_news", text: "The central bank raised interest rates by a quarter point." },
  { name: "example_chinese", text: "房间很干净，服务也很热情，下次还会再来。" },
  { name: "example_long", text: repeated(REVIEWS, 18) },
];
const PAIR = {
  name: "example_pair",
  text: "A man is playing a guitar on a stage.",
  pair: "Somebody is making music.",
};
const NER = [
  { name: "example_news", text: NEWS },
  { name: "example_chinese", text: "李明毕业于北京大学，现在上海工作。" },
  { name: "example_emoji", text: "We are off to London with Emma Watson! 👩‍👩‍👧 🇬🇧 Back in Paris on Monday 🎉" },
  { name: "example_arabic", text: "التقت Angela Merkel مع Emmanuel Macron في Paris." },
  { name: "example_long", text: repeated(REPORTS, 18) },
];

export function examplesOf(model) {
  if (model.task === "token-classification") return NER;
  if (model.input === "pair") return [PAIR];
  return model.input === "text" ? CLASSIFY : [...CLASSIFY, PAIR];
}
