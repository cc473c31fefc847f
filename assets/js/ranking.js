// The finished hypotheses of a beam search, ranked by a length penalty that can be moved: arithmetic on what is there,
// as BeamTree.ranking does it. The value is JSON (playground/views/beam_tree.py).
const SHOWN = 25;
const empty = element.querySelector(".chart-empty");
const body = element.querySelector(".ranking-body");
const slider = element.querySelector("input");
const output = element.querySelector("output");
const reset = element.querySelector(".ranking-reset");
const sentence = element.querySelector(".ranking-sentence");
let data = null;

const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const short = (value) => {
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3 ? value.toExponential(2).replaceAll("-", "−") : number(value, size >= 1000 ? 0 : size >= 10 ? 2 : 4);
};
const rank = (penalty) =>
  data.rows
    .map(([id, length, score, text]) => ({ id, length, score, text, penalised: score / Math.pow(length, penalty) }))
    .sort((a, b) => b.penalised - a.penalised || a.id - b.id);

const make = (tag, text, className) => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};
const line = (row, at) => {
  const made = document.createElement("tr");
  made.dataset.node = row.id;
  made.classList.toggle("is-winner", row.id === data.winner);
  made.classList.toggle("is-leader", at === 0 && row.id !== data.winner);
  made.classList.toggle("chosen", row.id === props.selected);
  const open = make("button", row.text, "open-node");
  open.type = "button";
  open.setAttribute("aria-label", `${at + 1}: select “${row.text}” in the tree`);
  const cell = document.createElement("td");
  cell.append(open);
  made.append(
    make("td", `${at + 1}${row.id === data.winner ? " ★" : ""}`, "number"),
    cell,
    make("td", String(row.length), "number"),
    make("td", number(row.score, 3), "number"),
    make("td", short(row.penalised), "number"),
  );
  made.addEventListener("click", () => trigger("select", { index: row.id }));
  return made;
};

const show = () => {
  if (!data) return;
  const penalty = +slider.value;
  const ranked = rank(penalty);
  output.textContent = number(penalty);
  element.querySelector("tbody").replaceChildren(...ranked.slice(0, SHOWN).map(line));
  const first = ranked[0];
  const own = Math.abs(penalty - data.lengthPenalty) < 1e-9;
  reset.disabled = own;
  sentence.textContent =
    first.id === data.winner
      ? `${own ? "The search itself had" : "With"} ${number(penalty)}${own ? ", and" : ""} the marked path ${own ? "won" : "would still win"}.`
      : `With ${number(penalty)} “${first.text}” would win (dashed in the tree), of those that finished.`;
  if (ranked.length > SHOWN) sentence.textContent += ` The first ${SHOWN} of ${ranked.length} are listed.`;
  document.dispatchEvent(new CustomEvent("beam-leader", { detail: first.id }));
};
const restore = () => {
  // A penalty beyond the slider's ends stretches it
  slider.min = Math.min(-2, data.lengthPenalty);
  slider.max = Math.max(4, data.lengthPenalty);
  slider.step = "any";
  slider.value = data.lengthPenalty;
  show();
};
const draw = () => {
  data = props.value ? JSON.parse(props.value) : null;
  if (!data?.rows.length) data = null;
  empty.hidden = Boolean(data);
  body.hidden = !data;
  if (data) restore();
};
slider.addEventListener("input", () => {
  slider.value = Math.round(+slider.value * 20) / 20;
  show();
});
reset.addEventListener("click", restore);
watch("value", draw);
watch("selected", show);
draw();
