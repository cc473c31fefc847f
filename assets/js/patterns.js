// Every head's scores as a table that sorts and filters in the browser. The value is JSON (playground/views/patterns.py).
const { colorAt, onTheme } = window.playground;
const scale = PALETTE.attention;
const empty = element.querySelector(".chart-empty");
const body = element.querySelector(".patterns-body");
const filter = element.querySelector("select");
let data = null;
let order = { column: -1, down: true }; // -1: by layer and head, else the score at this place

const make = (tag, text, className) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

const sorted = (rows) => {
  if (order.column < 0) return order.down ? rows : [...rows].reverse();
  const value = (row) => row[2][order.column] ?? -1;
  const sign = order.down ? 1 : -1;
  // Heads without a score come last, whichever way
  return [...rows].sort((a, b) => (value(a) < 0 || value(b) < 0 ? value(b) - value(a) : sign * (value(b) - value(a))));
};
const passes = ([, , , fits]) =>
  filter.value === "all" || (filter.value === "none" ? fits.length === 0 : fits.includes(filter.value));

const header = () => {
  const row = make("tr");
  ["head", ...data.names].forEach((name, at) => {
    const cell = make("th");
    cell.scope = "col";
    const button = make("button", name, "sort-button");
    button.type = "button";
    const column = at - 1;
    if (order.column === column) cell.setAttribute("aria-sort", order.down && column >= 0 ? "descending" : order.down ? "ascending" : column >= 0 ? "ascending" : "descending");
    button.addEventListener("click", () => {
      order = { column, down: order.column === column ? !order.down : true };
      show();
      element.querySelectorAll(".sort-button")[at].focus();
    });
    cell.append(button);
    row.append(cell);
  });
  return row;
};

const line = (row, chosen) => {
  const [layer, head, scores, fits] = row;
  const made = make("tr");
  const isChosen = chosen.layer === layer && chosen.head === head;
  if (isChosen) made.className = "chosen";
  const name = make("th");
  name.scope = "row";
  const open = make("button", `${data.layers[layer]}.${head}`, "open-head");
  open.type = "button";
  open.setAttribute("aria-label", `Open layer ${data.layers[layer]}, head ${head}` + (fits.length ? `: ${fits.join(", ")}` : ": fits no pattern"));
  if (isChosen) open.setAttribute("aria-current", "true");
  name.append(open);
  made.append(name);
  for (const score of scores) {
    const cell = make("td", score === null ? "–" : score.toFixed(2));
    if (score !== null) {
      cell.style.backgroundColor = colorAt(scale, score * score); // so that small scores stay pale
      cell.classList.toggle("strong", score > 0.55);
    } else cell.title = "does not occur in this text";
    made.append(cell);
  }
  made.addEventListener("click", () => trigger("select", { index: [layer, head] }));
  return made;
};

const show = () => {
  if (!data) return;
  const chosen = JSON.parse(props.highlight || "{}");
  const rows = sorted(data.rows.filter(passes)).map((row) => line(row, chosen));
  element.querySelector("thead").replaceChildren(header());
  if (!rows.length) {
    const cell = make("td", "No head of this text does that. Choose another pattern above.");
    cell.colSpan = data.names.length + 1;
    rows.push(make("tr"));
    rows[0].append(cell);
  }
  element.querySelector("tbody").replaceChildren(...rows);
};
const draw = () => {
  data = props.value ? JSON.parse(props.value) : null;
  empty.hidden = Boolean(data);
  body.hidden = !data;
  if (!data) return;
  const before = filter.value;
  const options = [["all", "all heads"], ...data.names.map((name) => [name, `heads that fit: ${name}`]), ["none", "heads that fit no pattern"]];
  filter.replaceChildren(
    ...options.map(([value, text]) => {
      const option = make("option", text);
      option.value = value;
      return option;
    }),
  );
  filter.value = options.some(([value]) => value === before) ? before : "all";
  show();
};

filter.addEventListener("change", show);
onTheme(show);
watch("value", draw);
watch("highlight", show);
draw();
