// The arithmetic of one row of one head, a step at a time. The value is JSON (playground/views/inside_head.py).
// Text is set as text, never as HTML: tokens are whatever a visitor typed.
const { colorAt, hideTip, onTheme, showTip } = window.playground;
const palette = PALETTE;
const empty = element.querySelector(".chart-empty");
const room = element.querySelector(".inside-steps");
let data = null;
let step = 0;

const make = (tag, className, ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
};
const number = (value) => {
  if (value === null) return "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && size < 0.0005 ? value.toExponential(1) : value.toFixed(size >= 100 ? 1 : 3);
  return text.replace("-", "−");
};

// A vector as a strip: one cell a number, orange below zero and violet above, as far as the largest of its kind.
const strip = (vector, most, name) => {
  const cells = vector.map((value) => {
    const cell = make("span", "strip-cell");
    cell.style.backgroundColor = colorAt(palette.difference, 0.5 + value / (2 * (most || 1)));
    return cell;
  });
  const made = make("span", "strip", ...cells);
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", `${name}: ${vector.length} numbers from ${number(Math.min(...vector))} to ${number(Math.max(...vector))}`);
  made.addEventListener("mousemove", (event) => {
    const at = cells.indexOf(event.target);
    if (at >= 0) showTip([`${name}[${at}] = ${number(vector[at])}`], event.clientX, event.clientY);
  });
  made.addEventListener("mouseleave", hideTip);
  return made;
};
const largest = (vectors) => Math.max(...vectors.flat().map(Math.abs));

const scalingText = () => (data.isUsualScaling ? `√${data.dHead} = ${number(Math.sqrt(data.dHead))}` : `1 / ${number(data.scaling)}`);
const scaleSentence = () =>
  data.scaling === 1
    ? "Nothing is left to divide by: this model makes its queries or keys small beforehand, or does without."
    : `Each is divided by ${scalingText()}, so that the softmax does not become too sharp.`;
const extraSteps = () => {
  const parts = [];
  if (data.softcap) parts.push(`is squeezed to ±${data.softcap}: ${data.softcap} · tanh(score / ${data.softcap})`);
  if (data.keys.some((key) => key.bias !== null)) parts.push("gets the position bias that the model has learned, works out for the two, or lets grow with the distance");
  return parts;
};

const maskText = () =>
  data.keys.some((key) => key.masked === null)
    ? "What lies outside its window must not be seen: those scores become −∞."
    : "This attention hides nothing: all tokens of the text that it looks at are there from the start. The scores stay.";

// What each step says, which symbol of the formula it is, and the columns of the table that are there by then.
const steps = () => [
  { symbol: "Q", title: "Query", text: `“${data.query.label}” (token ${data.query.index}) asks: its query vector q has ${data.dHead} numbers.`, columns: [] },
  { symbol: "K", title: "Keys", text: "Every token it may look at answers with a key vector k.", columns: ["k"] },
  { symbol: "QKT", title: "Dot products", text: "q · k: multiply number by number and add up. Large where key and query point the same way.", columns: ["k", "raw"] },
  {
    symbol: "scale",
    title: "Scale",
    text: scaleSentence() + extraSteps().map((part) => ` This family: each score ${part}.`).join(""),
    columns: extraSteps().length ? ["raw", "timesScaling", "scaled"] : ["raw", "scaled"],
  },
  { symbol: "mask", title: "Mask", text: data.causal ? "Tokens that come later must not be seen: their scores become −∞." : maskText(), columns: ["scaled", "masked"] },
  { symbol: "softmax", title: "Softmax", text: "e to the power of each score, divided by the sum of all: the weights, which add up to 1.", columns: ["masked", "weight"] },
  { symbol: "V", title: "Values", text: "Every token also has a value vector v: what it passes on.", columns: ["weight", "v"] },
  { symbol: "sum", title: "Weighted sum", text: "Each value times its weight, added up: what this head passes on for this token.", columns: ["weight", "v"], output: true },
];
const HEADERS = { k: "k", raw: "q · k", timesScaling: "scaled", scaled: "score", masked: "masked score", weight: "weight", v: "v" };

const formula = (symbol) => {
  const part = (name, ...content) => {
    const made = make("span", "formula-part", ...content);
    made.classList.toggle("formula-lit", name === symbol);
    return made;
  };
  const fraction = make("span", "fraction", part("QKT", part("Q", "Q"), part("K", "K"), make("sup", "", "T")), part("scale", "√d", make("sub", "", "k")));
  const made = make("div", "formula", "Attention(Q, K, V) = ", part("softmax", "softmax"), " (", fraction, part("mask", " + mask"), ") ", part("V", "V"));
  if (symbol === "sum") made.classList.add("formula-all");
  return made;
};

const cellOf = (name, key, most) => {
  if (name === "k" || name === "v") return make("td", "vector", strip(key[name], most[name], `${name} of “${key.label}”`));
  const cell = make("td", "number", name === "weight" ? number(key.weight) : number(key[name]));
  if (name === "weight") {
    cell.style.setProperty("--part", `${100 * key.weight}%`);
    cell.classList.add("with-bar");
  }
  if (key.masked === null) cell.classList.add("hidden-key");
  return cell;
};

const table = (columns) => {
  const most = { k: largest(data.keys.map((key) => key.k)), v: largest(data.keys.map((key) => key.v)) };
  const head = make("tr", "", make("th", "", "token looked at"), ...columns.map((name) => make("th", name === "k" || name === "v" ? "" : "number", HEADERS[name])));
  const rows = data.keys.map((key) => {
    const label = make("th", "key-label", make("span", "key-index", String(key.index)), ` ${key.label}`);
    label.scope = "row";
    return make("tr", key.masked === null ? "hidden-key" : "", label, ...columns.map((name) => cellOf(name, key, most)));
  });
  const body = make("tbody", "", ...rows);
  const made = make("table", "inside-table", make("thead", "", head), body);
  return make("div", "inside-scroll", made);
};

const draw = () => {
  data = props.value ? JSON.parse(props.value) : null;
  empty.hidden = Boolean(data);
  room.hidden = !data;
  if (data) show();
};
// A new answer draws all anew: who was at the steps with the keyboard stays there.
const show = (focus = Boolean(room.querySelector(".step-bar:focus-within"))) => {
  if (!data) return;
  if (data.message) {
    room.replaceChildren(make("p", "caption", data.message));
    return;
  }
  const all = steps();
  const { symbol, text, columns, output } = all[step];
  const tabs = all.map(({ title }, at) => {
    const made = make("button", "step-choice", `${at + 1} ${title}`);
    made.type = "button";
    made.setAttribute("aria-pressed", String(at === step));
    made.tabIndex = at === step ? 0 : -1;
    made.addEventListener("click", () => go(at, true));
    return made;
  });
  const bar = make("div", "step-bar", ...tabs);
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Steps; arrow keys move");
  bar.addEventListener("keydown", (event) => {
    const to = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to, true);
  });
  const parts = [bar, formula(symbol), make("p", "step-text", text)];
  if (symbol === "Q" || columns.includes("raw") || symbol === "K")
    parts.push(make("div", "query-line", make("span", "key-label", `q of “${data.query.label}” `), strip(data.query.vector, largest([data.query.vector]), "q")));
  if (columns.length) parts.push(table(columns));
  if (columns.length && data.leftOut.count)
    parts.push(make("p", "caption", `The ${data.keys.filter((key) => key.masked !== null).length} keys with the largest weights, in the order of the text; ${data.leftOut.count} more together have the weight ${number(data.leftOut.weight)}.`));
  if (symbol === "softmax" && data.weightSum < 0.9995)
    parts.push(make("p", "caption", `The weights add up to ${number(data.weightSum)}: the rest goes to the sink, which this family has beside the tokens.`));
  if (output) {
    parts.push(make("div", "query-line", make("span", "key-label", "output "), strip(data.output, largest([data.output]), "output")));
    if (data.difference !== null)
      parts.push(make("p", "caption inside-check", `Largest difference from what the model itself computed: ${data.difference.toExponential(1)}.`));
  }
  room.replaceChildren(...parts);
  if (focus) bar.children[step].focus({ preventScroll: true });
};
const go = (to, focus) => {
  step = Math.max(0, Math.min(steps().length - 1, to));
  show(focus);
};

onTheme(() => show());
watch("value", draw);
draw();
