// A text whose words are buttons, and the candidates of each mask. The value is JSON of playground/views/fill_in.py.
const { colorAt, onTheme, percent, visible } = window.playground;
const scale = PALETTE.probability;
const [words, masks, more] = ["words", "masks", "more"].map((name) => element.querySelector(`.fill-${name}`));
const empty = element.querySelector(".chart-empty");
const hint = empty.textContent;
let pressed = null; // what was pressed last has the focus again when the answer comes

const make = (tag, className, text = "") => {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
};

const press = (button, index) => {
  button.dataset.press = index.join("-");
  button.addEventListener("click", () => {
    pressed = button.dataset.press;
    trigger("select", { index });
  });
  return button;
};

const STATES = {
  given: ["", "Click to mask it"],
  masked: [", masked", "Masked: click to bring the word back"],
  filled: [", put in", "Put in: click to mask it again"],
};

const wordButton = ({ label, state, special }, at) => {
  const shown = label.trim() ? label.replace(/^[ \t]+/, "") : visible(label);
  if (special || !label.trim()) return make("span", "fill-still", visible(shown));
  const button = make("button", `fill-word fill-${state}`, visible(shown));
  const [said, title] = STATES[state];
  button.type = "button";
  button.setAttribute("aria-pressed", String(state === "masked"));
  button.setAttribute("aria-label", visible(shown) + said);
  button.title = title;
  return press(button, ["word", at]);
};

const candidateButton = (place, given) => ({ id, label, probability }) => {
  const button = make("button", "candidate fill-candidate");
  button.type = "button";
  button.style.setProperty("--shade", colorAt(scale, probability));
  button.style.setProperty("--part", `${100 * probability}%`);
  const was = id === given;
  button.append(make("b", "", visible(label)), make("span", "", percent(probability)));
  if (was) button.setAttribute("aria-current", "true");
  button.setAttribute("aria-label", `${visible(label)}, ${percent(probability)}${was ? ", stood here" : ""}`);
  button.title = was ? "This stood here: put it back" : "Put this in";
  return press(button, ["candidate", place, id]);
};

const maskPanel = ({ place, title, note, given, candidates }) => {
  const panel = make("section", "fill-mask");
  const list = make("div", "fill-candidates");
  list.append(...candidates.map(candidateButton(place, given)));
  panel.append(make("h4", "", title), make("p", "", note), list);
  panel.setAttribute("aria-label", `${title}: ${note}`);
  return panel;
};

const draw = () => {
  const shown = JSON.parse(props.value || '{"words": [], "masks": [], "more": 0}');
  empty.hidden = shown.words.length > 0;
  empty.textContent = props.absent || hint;
  words.hidden = shown.words.length === 0;
  masks.hidden = shown.masks.length === 0;
  more.hidden = shown.more === 0;
  more.textContent = `${shown.more} masks more; candidates are shown of the first ${shown.masks.length}.`;
  words.replaceChildren(...shown.words.map(wordButton));
  masks.replaceChildren(...shown.masks.map(maskPanel));
  if (pressed && (document.activeElement === document.body || element.contains(document.activeElement))) {
    const [kind, at] = pressed.split("-");
    const again = element.querySelector(`[data-press="${pressed}"]`);
    (again ?? (kind === "candidate" && element.querySelector(`[data-press^="candidate-"]`)))?.focus?.({ preventScroll: true });
  }
};
onTheme(draw);
watch("value", draw);
watch("absent", draw);
draw();
