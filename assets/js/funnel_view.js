// What each filter leaves of one distribution, redrawn while a slider moves. The value is JSON (playground/views/
// funnel.py): the logits and what filters need beside them. Before a run the settings are those of the page's
// controls; for a step of a run it has sliders of its own, which begin as the run's settings.
const { hideTip, onTheme, percent, showTip, themeName, visible } = window.playground;
const series = PALETTE.series;
const BARS = 24;
const NAMED = 40;
const root = element.querySelector(".funnel");
const empty = element.querySelector(".chart-empty");
const body = element.querySelector(".funnel-body");
const isStep = root.dataset.mode === "step";
const neutral = { draws: true, temperature: 1, topK: 0, topP: 1, minP: 0, typicalP: 1, repetitionPenalty: 1, noRepeat: 0 };
const SLIDERS = [
  ["temperature", "Temperature", 0.1, 2, 0.05],
  ["topK", "Top-k", 0, 200, 1],
  ["topP", "Top-p", 0.05, 1, 0.01],
  ["minP", "Min-p", 0, 0.5, 0.01],
  ["typicalP", "Typical-p", 0.05, 1, 0.01],
  ["repetitionPenalty", "Repetition penalty", 1, 2, 0.05],
];
let data = null;
let logits = null;
let settings = { ...neutral };
let order = [];

const make = (tag, className, ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
};
const nameOf = (id) => visible(data.names[id] ?? `token ${id}`);

// A control that is folded away is not in the document: the server knows it.
const seen = { strategy: "sample", doSample: false };
const number = (id, before) => {
  const value = parseFloat(document.querySelector(`#${id} input[type=number]`)?.value);
  return Number.isFinite(value) ? value : before;
};
const readControls = () => {
  seen.strategy = document.querySelector("#strategy input:checked")?.value ?? seen.strategy;
  seen.doSample = document.querySelector("#do-sample input")?.checked ?? seen.doSample;
  const now = { ...settings, ...JSON.parse(props.controls || "{}") };
  return {
    draws: seen.strategy === "sample" || (seen.strategy === "beam" && seen.doSample),
    temperature: number("temperature", now.temperature),
    topK: number("top-k", now.topK),
    topP: number("top-p", now.topP),
    minP: number("min-p", now.minP),
    typicalP: number("typical-p", now.typicalP),
    repetitionPenalty: number("repetition-penalty", now.repetitionPenalty),
    noRepeat: number("no-repeat", now.noRepeat),
  };
};

const bars = (probs) => {
  const most = Math.max(...order.map((id) => probs[id]), 1e-9);
  const colour = series.after[themeName()];
  const made = make(
    "div",
    "funnel-bars",
    ...order.map((id) => {
      const bar = make("span");
      bar.style.height = probs[id] > 0 ? `${Math.max(4, 100 * Math.sqrt(probs[id] / most))}%` : "0";
      bar.style.background = data.chosen === id ? series.chosen[themeName()] : colour;
      bar.dataset.id = id;
      return bar;
    }),
  );
  made.setAttribute("aria-hidden", "true");
  made.addEventListener("mousemove", ({ target, clientX, clientY }) => {
    const id = target.dataset.id;
    if (id !== undefined) showTip([`“${nameOf(id)}”`, percent(probs[id])], clientX, clientY);
  });
  made.addEventListener("mouseleave", hideTip);
  return made;
};

const rows = (found) =>
  found.map(({ name, kept, survived, probs }) => {
    const title = make("th", "", name);
    title.scope = "row";
    return make(
      "tr",
      "",
      title,
      make("td", "", bars(probs)),
      make("td", "number", kept.toLocaleString("en")),
      make("td", "number", survived === 1 ? "100 %" : percent(survived)),
    );
  });

// The unit interval, divided among the tokens that are left, likeliest first.
const interval = (probs, ids, draw) => {
  const box = element.querySelector(".interval");
  const parts = [];
  let before = 0;
  let mark = null;
  for (const id of ids) {
    if (id === data.chosen && draw) mark = before + probs[id] * draw.place;
    if (parts.length < NAMED || id === data.chosen) {
      const part = make("span", id === data.chosen ? "interval-part interval-chosen" : "interval-part", probs[id] > 0.06 ? nameOf(id) : "");
      part.style.left = `${100 * before}%`;
      part.style.width = `${100 * probs[id]}%`;
      part.dataset.id = id;
      parts.push(part);
    }
    before += probs[id];
  }
  if (mark !== null) {
    const line = make("span", "interval-mark");
    line.style.left = `${100 * mark}%`;
    parts.push(line);
  }
  box.replaceChildren(...parts);
  box.setAttribute("aria-label", `The interval from 0 to 1, divided among the tokens that are left${mark === null ? "" : `; the mark stands at ${mark.toFixed(3)}`}`);
  box.onmousemove = ({ target, clientX, clientY }) => {
    const id = target.dataset.id;
    if (id !== undefined) showTip([`“${nameOf(id)}”`, `${percent(probs[id])} of the draws`], clientX, clientY);
    else hideTip();
  };
  box.onmouseleave = hideTip;
  return mark;
};

const sameAsRun = () => Object.entries(data.settings ?? {}).every(([name, value]) => settings[name] === value);
const words = (last, ids, mark) => {
  if (!last.kept) return `Nothing is left to choose: ${last.name} removes every token.`;
  const likely = ids.slice(0, 3).map((id) => `“${nameOf(id)}” ${percent(last.probs[id])}`).join(", ");
  if (!settings.draws) return `The likeliest is taken: ${likely}.`;
  if (mark === null) return `Drawn from ${last.kept === 1 ? "one token" : `${last.kept.toLocaleString("en")} tokens`}: ${likely}${ids.length > 3 ? " …" : "."}`;
  const { time, second, secondTime } = data.draw;
  const race = second === null ? "No other token was left." : `“${visible(second)}” would have come next, at ${secondTime.toFixed(2)}.`;
  return (
    `The draw was a race: every token left gets a random waiting time, the shorter the likelier it is. “${nameOf(data.chosen)}” came first, at ${time.toFixed(2)}. ${race} ` +
    `The same draw as one number between 0 and 1 is ${mark.toFixed(3)}, the mark on the line.`
  );
};

const draw = () => {
  if (!data) return;
  const found = funnel.stages(logits, settings, { seen: data.seen, rules: data.rules });
  const last = found.at(-1);
  const ids = [];
  for (let id = 0; id < last.probs.length; id++) if (last.probs[id] > 0) ids.push(id);
  ids.sort((a, b) => last.probs[b] - last.probs[a] || a - b);
  element.querySelector("tbody").replaceChildren(...rows(found));
  const drawn = isStep && data.draw && sameAsRun() ? data.draw : null;
  const mark = interval(last.probs, ids, drawn);
  element.querySelector(".funnel-words").textContent = words(last, ids, mark);
};

const sliders = () => {
  if (!isStep) return;
  const made = SLIDERS.map(([name, label, low, high, step]) => {
    const input = make("input");
    Object.assign(input, { type: "range", min: Math.min(low, settings[name]), max: Math.max(high, settings[name]), step: "any", value: settings[name] });
    input.step = step;
    const value = make("output", "", String(settings[name]));
    input.addEventListener("input", () => {
      settings[name] = parseFloat(input.value);
      value.textContent = input.value;
      draw();
    });
    input.dataset.name = name;
    return make("label", "", make("span", "", label, " ", value), input);
  });
  const back = make("button", "quiet-button", "As in the run");
  back.type = "button";
  back.addEventListener("click", begin);
  element.querySelector(".funnel-sliders").replaceChildren(...made, back);
};
const begin = () => {
  settings = { ...neutral, ...(data.settings ?? {}) };
  if (!isStep) settings = readControls();
  sliders();
  draw();
};
const take = () => {
  data = props.value ? JSON.parse(props.value) : null;
  empty.hidden = Boolean(data);
  body.hidden = !data;
  if (!data) return;
  const bytes = Uint8Array.from(atob(data.logits), (character) => character.charCodeAt(0));
  logits = new Float32Array(bytes.buffer);
  order = data.likely.slice(0, BARS);
  if (data.chosen !== null && !order.includes(data.chosen)) order[order.length - 1] = data.chosen;
  begin();
};

if (!isStep) {
  watch("controls", () => follow());
  const follow = () => {
    if (!element.isConnected || !data) return;
    const now = readControls();
    if (Object.keys(now).every((name) => now[name] === settings[name])) return;
    settings = now;
    draw();
  };
  document.addEventListener("input", (event) => {
    if (event.target.closest?.("#panel-controls")) requestAnimationFrame(follow);
  });
  // A preset, a reset or another strategy sets the sliders a moment after the click
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#panel-controls")) [50, 200, 600, 1500].forEach((wait) => setTimeout(follow, wait));
  });
}
onTheme(draw);
watch("value", take);
take();
