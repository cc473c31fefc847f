// The candidates of one step as buttons. The value is JSON: {step, candidates: [{id, label, raw, kept, chosen}]}
// (playground/views/candidates.py).
const { colorAt, onTheme, percent, visible } = window.playground;
const scale = PALETTE.probability;
const list = element.querySelector(".candidates-list");
const empty = element.querySelector(".chart-empty");
const hint = empty.textContent;

const draw = () => {
  const { step, candidates } = JSON.parse(props.value || '{"candidates": []}');
  empty.hidden = candidates.length > 0;
  empty.textContent = props.absent || hint;
  list.hidden = candidates.length === 0;
  list.replaceChildren(
    ...candidates.map(({ id, label, raw, kept, chosen }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "candidate" + (kept ? "" : " candidate-removed");
      button.style.setProperty("--shade", colorAt(scale, raw));
      const word = document.createElement("b");
      word.textContent = visible(label);
      const number = document.createElement("span");
      number.textContent = percent(raw);
      button.append(word, number);
      if (chosen) button.setAttribute("aria-current", "true");
      const what = chosen ? ", chosen" : kept ? "" : ", removed by the filters";
      button.setAttribute("aria-label", `${visible(label)}, ${percent(raw)}${what}`);
      button.title = chosen ? "This one was chosen" : kept ? "Go on with this one" : "The filters removed it: go on with it all the same";
      button.addEventListener("click", () => trigger("select", { index: step, value: id }));
      return button;
    }),
  );
};
onTheme(draw);
watch("value", draw);
watch("absent", draw);
draw();
