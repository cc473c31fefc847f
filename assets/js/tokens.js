// The text as token chips. The value is lines of JSON, one a token (playground/views/tokens.py); while a run goes
// on it only grows, so that chips are added and those that are there stay as they are.
const { colorAt, hideTip, onTheme, percent, showTip, visible } = window.playground;
const PROMPT = 1, SPECIAL = 2, PARTIAL = 4, READ = 8, START = 16, BY_HAND = 32;
const scales = { probability: PALETTE.probability, attention: PALETTE.attention, loss: PALETTE.loss };
const MOST_NATS = 10; // a loss of this much or more has the strongest colour
const ends = { probability: ["0 %", "100 %"], attention: ["0", "1"], loss: ["0 nats", `${MOST_NATS} nats or more`] };

const box = element.querySelector(".chips");
const empty = element.querySelector(".chips-empty");
const press = empty.querySelector("b"); // the button that the chosen model's kind has most use of
let drawn = "";
let tokens = [];
let chips = [];
let part = { at: 0, number: 0 }; // where the last part began (playground/views/tokens.py), and its first number
let selected = -1;
let colour = "probability";
let tint = {};

const weightAt = (at) => tint.weights?.[at - tint.first] ?? null;
const lossOf = (token) => Math.max(0, -Math.log(token[3]));
const describe = (token, at) => {
  const [id, , label, probability, rank, flags] = token;
  const lines = [`“${visible(label)}”`, `token ${token.number}${token.part ? ` of the ${token.part}` : ""} · id ${id}`];
  if (flags & READ) lines.push("read, not predicted");
  else if (probability === null) lines.push(at === 0 ? "first token: nothing to predict it from" : "probability follows");
  else {
    const nats = lossOf(token);
    lines.push(`probability ${percent(probability)} · rank ${rank}`, `loss ${nats.toFixed(2)} nats = ${(nats / Math.LN2).toFixed(2)} bits`);
  }
  lines.push(flags & START ? "with it the decoder starts" : flags & PROMPT ? "given by you" : flags & BY_HAND ? "chosen by you" : "written by the model");
  if (flags & PARTIAL) lines.push("bytes of a part of a character");
  const weight = colour === "attention" ? weightAt(at) : null;
  if (weight !== null)
    lines.push(tint.causal && at > tint.looking ? "comes later: could not be looked at" : `the head's weight here: ${weight.toFixed(3)}`);
  return lines;
};

// White space is real text with a sign drawn by CSS beside it, so that chips copied give the text back exactly.
const fill = (chip, token) => {
  const [, text, label, , , flags] = token;
  if (flags & (SPECIAL | PARTIAL)) {
    const sign = document.createElement("span");
    sign.className = "chip-sign";
    sign.dataset.sign = label;
    sign.textContent = text;
    chip.append(sign);
    return;
  }
  for (const part of text.split(/([ \n\t\r])/)) {
    if (!part) continue;
    if (/[ \n\t\r]/.test(part)) {
      const space = document.createElement("span");
      space.className = part === "\n" ? "chip-newline" : "chip-space";
      space.dataset.sign = visible(part);
      space.textContent = part;
      chip.append(space);
    } else chip.append(part);
  }
};

const paint = (chip, token, at) => {
  const value = colour === "attention" ? weightAt(at) : colour === "loss" && token[3] !== null ? lossOf(token) / MOST_NATS : token[3];
  chip.style.backgroundColor = value === null ? "" : colorAt(scales[colour], value);
  // A weight near 1 is as dark as the ink of the light theme, and as light as that of the dark one
  chip.classList.toggle("chip-strong", colour === "attention" && value > 0.3);
  chip.classList.toggle("chip-looking", colour === "attention" && at === tint.looking);
};
const paintAll = () => tokens.forEach((token, at) => paint(chips[at], token, at));

// Parts are told apart by a line of their own; its words are drawn by CSS, so that chips copied give the text alone.
const divider = (name) => {
  const line = document.createElement("span");
  line.className = "chip-part";
  line.dataset.part = name;
  line.setAttribute("role", "presentation");
  return line;
};

const add = (token) => {
  const at = tokens.push(token) - 1;
  if (token[6]) part = { at, name: token[6][0], number: token[6][1] };
  token.number = at - part.at + part.number;
  token.part = part.name;
  const chip = document.createElement("span");
  chip.className = "chip" + (token[5] & PROMPT ? " chip-prompt" : "") + (token[5] & PARTIAL ? " chip-partial" : "") + (token[5] & BY_HAND ? " chip-by-hand" : "");
  chip.dataset.tokenIndex = at;
  chip.setAttribute("role", "option");
  chip.setAttribute("aria-selected", "false");
  chip.setAttribute("aria-label", describe(token, at).join(", "));
  chip.tabIndex = at === 0 ? 0 : -1;
  fill(chip, token);
  paint(chip, token, at);
  chips.push(chip);
  return token[6] ? [divider(part.name), chip] : [chip];
};

const mark = (at, focus = false) => {
  chips[selected]?.classList.remove("chip-selected");
  chips[selected]?.setAttribute("aria-selected", "false");
  selected = at;
  const chip = chips[at];
  if (!chip) return;
  for (const other of box.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  chip.tabIndex = 0;
  chip.classList.add("chip-selected");
  chip.setAttribute("aria-selected", "true");
  if (focus) chip.focus({ preventScroll: true });
  // Scroll the box, never the page.
  const top = chip.offsetTop - box.offsetTop;
  if (top < box.scrollTop || top + chip.offsetHeight > box.scrollTop + box.clientHeight)
    box.scrollTop = top - box.clientHeight / 2;
};

const choose = (at, focus) => {
  mark(at, focus);
  trigger("select", { index: at });
};

// On a narrow screen the text may be below what is seen when a run begins.
const comeIntoSight = () => {
  const { top, bottom } = element.getBoundingClientRect();
  if (top > innerHeight - 60 || bottom < 0) element.scrollIntoView({ block: "center", behavior: "smooth" });
};

const draw = () => {
  const value = props.value || "";
  const grows = drawn && value.startsWith(drawn);
  if (!grows) {
    box.replaceChildren();
    tokens = [];
    chips = [];
    part = { at: 0, number: 0 };
    selected = -1;
  }
  const follow = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const lines = value.slice(grows ? drawn.length : 0).split("\n").filter(Boolean);
  const fragment = document.createDocumentFragment();
  for (const line of lines) fragment.append(...add(JSON.parse(line)));
  box.append(fragment);
  drawn = value;
  empty.hidden = tokens.length > 0;
  if (!grows && tokens.length) comeIntoSight();
  if (grows && follow) box.scrollTop = box.scrollHeight;
  takeGiven();
  markWanted();
};

// What the model thought of what it was given comes when the text stands there. It may come late, when another text
// does: so it says of which tokens it is, and changes no others.
const takeGiven = () => {
  const given = JSON.parse(props.given || "[]");
  if (!given.length || !given.every(([id], at) => tokens[at]?.[0] === id && tokens[at][5] & PROMPT)) return;
  given.forEach(([, probability, rank], at) => {
    if (tokens[at][3] === probability && tokens[at][4] === rank) return;
    tokens[at].splice(3, 2, probability, rank);
    chips[at].setAttribute("aria-label", describe(tokens[at], at).join(", "));
    paint(chips[at], tokens[at], at);
  });
};

const markWanted = () => {
  const wanted = props.selected ?? -1;
  if (wanted !== selected && wanted < tokens.length) mark(wanted);
};

const chipOf = (event) => event.target.closest?.("[data-token-index]");
const tipFor = (chip, x, y) => showTip(describe(tokens[+chip.dataset.tokenIndex], +chip.dataset.tokenIndex), x, y);

box.addEventListener("click", (event) => {
  const chip = chipOf(event);
  if (chip && getSelection().isCollapsed) choose(+chip.dataset.tokenIndex, true);
});
box.addEventListener("mousemove", (event) => {
  const chip = chipOf(event);
  if (chip) tipFor(chip, event.clientX, event.clientY);
  else hideTip();
});
box.addEventListener("mouseleave", hideTip);
box.addEventListener("focusin", (event) => {
  const chip = chipOf(event);
  if (!chip) return;
  const { left, bottom } = chip.getBoundingClientRect();
  if (chip.matches(":focus-visible")) tipFor(chip, left - 12, bottom - 12);
});
box.addEventListener("focusout", hideTip);
box.addEventListener("keydown", (event) => {
  const at = +(chipOf(event)?.dataset.tokenIndex ?? -1);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tokens.length - 1 }[event.key];
  if (event.key === "Escape") hideTip();
  if (at < 0 || (to === undefined && event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  const wanted = to ?? at;
  if (wanted < 0 || wanted >= tokens.length) return;
  if (to === undefined) choose(wanted, true);
  else {
    chips[at].tabIndex = -1;
    chips[wanted].tabIndex = 0;
    chips[wanted].focus();
  }
});

const legend = element.querySelector(".legend-scale");
const paintLegend = () => {
  const parts = Array.from({ length: 21 }, (_, at) => colorAt(scales[colour], at / 20));
  legend.style.background = `linear-gradient(to right, ${parts.join(",")})`;
  [".legend-low", ".legend-high"].forEach((end, at) => (element.querySelector(end).textContent = ends[colour][at]));
};
const choices = [...element.querySelectorAll(".legend-choice")];
for (const choice of choices)
  choice.addEventListener("click", () => {
    colour = choice.dataset.colour;
    for (const other of choices) other.setAttribute("aria-pressed", String(other === choice));
    paintLegend();
    paintAll();
  });
const takeTint = () => {
  tint = JSON.parse(props.tint || "{}");
  if (colour === "attention") paintAll();
};
onTheme(() => {
  paintLegend();
  paintAll();
});

paintLegend();
watch("value", draw);
watch("selected", markWanted);
watch("given", takeGiven);
watch("tint", takeTint);
watch("press", () => (press.textContent = props.press));
draw();
