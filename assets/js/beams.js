// A beam search as a tree: a column a step, in each the continuations that the search looked at, best first. The value
// is JSON (playground/views/beam_tree.py), `selected` the id of a node. Only the columns that are seen, and a few beside
// them, are there: the browser paints everything anew for every step of scrolling.
const { hideTip, showTip } = window.playground;
const STATES = ["running", "pruned", "finished"];
const SVG = "http://www.w3.org/2000/svg";
const COLUMN = 126, ROW = 44, WIDTH = 98, HEIGHT = 36, TOP = 26, LEFT = 128;
const CHUNK = 4; // columns that come and go together

const empty = element.querySelector(".chart-empty");
const body = element.querySelector(".beams-body");
const scroll = element.querySelector(".beams-scroll");
const canvas = element.querySelector(".beams-canvas");
const slider = element.querySelector(".beams-slider");
const play = element.querySelector(".beams-play");
const withPruned = element.querySelector(".beams-pruned");
const prefix = `beam-${element.id || "tree"}`;

let data = null;
let nodes = [];
let steps = []; // the nodes of each step, best first
let drawn = new Map(); // step -> its group
let svg = null;
let shown = 0; // steps that are built up
let cursor = -1; // where the keyboard stands
let leader = -1; // the winner under another length penalty
let timer = null;
withPruned.checked = true; // gradio drops the attribute

const make = (tag, attributes = {}, ...children) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};
const number = (value) => value.toFixed(2).replace("-", "−");
const penalised = (node) => node.score / Math.pow(node.step + 1, data.lengthPenalty);

const read = () => {
  data = props.value ? JSON.parse(props.value) : null;
  steps = [];
  nodes = (data?.nodes ?? []).map(([parent, step, label, logProb, score, state, best], id) => {
    const node = { id, parent, step, label, logProb, score, state: STATES[state], best: Boolean(best), children: [] };
    (steps[step] ??= []).push(node);
    return node;
  });
  for (const node of nodes) {
    node.place = steps[node.step].indexOf(node);
    if (node.parent >= 0) nodes[node.parent].children.push(node);
  }
};

const left = (node) => LEFT + node.step * COLUMN;
const top = (node) => TOP + node.place * ROW;
const line = (id) => {
  const found = new Set();
  for (let at = id; at >= 0; at = nodes[at].parent) found.add(at);
  return found;
};

const describe = (node) => [
  `“${node.label}”, step ${node.step + 1}`,
  `log-probability ${number(node.logProb)}: ${window.playground.percent(Math.exp(node.logProb))}`,
  `up to here ${number(node.score)}, length-penalised ${number(penalised(node))}`,
  { running: "went on", pruned: "pruned", finished: "finished" }[node.state] + (node.best ? ", on the winner's path" : ""),
];

const drawNode = (node) => {
  const x = left(node), y = top(node);
  const group = make(
    "g",
    { id: `${prefix}-${node.id}`, "data-node": node.id, class: `beam-node is-${node.state}${node.best ? " is-best" : ""}`, role: "treeitem", "aria-level": node.step + 1, "aria-selected": "false" },
    make("rect", { x, y, width: WIDTH, height: HEIGHT, rx: node.state === "finished" ? 18 : 6 }),
    make("text", { x: x + WIDTH / 2, y: y + 15, class: "beam-label" }, node.label),
    make("text", { x: x + WIDTH / 2, y: y + 29, class: "beam-numbers" }, `${number(node.score)} · ${number(penalised(node))}`),
  );
  group.setAttribute("aria-label", describe(node).join(", "));
  return group;
};
const drawEdge = (node) => {
  const [x0, y0] = node.parent < 0 ? [LEFT - COLUMN + WIDTH, TOP + HEIGHT / 2] : [left(nodes[node.parent]) + WIDTH, top(nodes[node.parent]) + HEIGHT / 2];
  const x1 = left(node), y1 = top(node) + HEIGHT / 2, bend = (x1 - x0) / 2;
  return make("path", { "data-edge": node.id, class: `beam-edge is-${node.state}${node.best ? " is-best" : ""}`, d: `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}` });
};
const drawStep = (step) => {
  const of = [...steps[step]].sort((a, b) => a.best - b.best); // the winner's edge lies on top
  const head = make("text", { x: LEFT + step * COLUMN + WIDTH / 2, y: 16, class: "beam-step-number", "aria-hidden": "true" }, String(step + 1));
  return make("g", { "data-step": step }, head, ...of.map(drawEdge), ...of.map(drawNode));
};

const fill = () => {
  if (!svg || !scroll.clientWidth) return;
  const first = (scroll.scrollLeft - LEFT) / COLUMN - 1, last = (scroll.scrollLeft + scroll.clientWidth - LEFT) / COLUMN + 1;
  const begin = Math.max(0, CHUNK * Math.floor(first / CHUNK)), end = Math.min(shown, CHUNK * Math.ceil(last / CHUNK));
  for (const [step, group] of drawn)
    if (step < begin || step >= end) {
      group.remove();
      drawn.delete(step);
    }
  for (let step = begin; step < end; step += 1)
    if (!drawn.has(step)) {
      drawn.set(step, svg.appendChild(drawStep(step)));
      mark(drawn.get(step));
    }
};

// Selection, cursor and the line of the leader are classes, so that moving them redraws nothing.
let chosenLine = new Set(), leaderLine = new Set();
const mark = (root) => {
  for (const made of root.querySelectorAll("[data-node]")) {
    const id = +made.dataset.node;
    made.classList.toggle("is-selected", id === props.selected);
    made.setAttribute("aria-selected", String(id === props.selected));
    made.classList.toggle("is-cursor", id === cursor);
    made.classList.toggle("is-line", chosenLine.has(id));
    made.classList.toggle("is-leader", leaderLine.has(id));
  }
  for (const made of root.querySelectorAll("[data-edge]")) {
    made.classList.toggle("is-line", chosenLine.has(+made.dataset.edge));
    made.classList.toggle("is-leader", leaderLine.has(+made.dataset.edge));
  }
};
const markAll = () => {
  if (!svg) return;
  chosenLine = nodes[props.selected] && !nodes[props.selected].best ? line(props.selected) : new Set();
  leaderLine = nodes[leader] && !nodes[leader].best ? line(leader) : new Set();
  mark(svg);
};

const draw = () => {
  stop();
  read();
  empty.hidden = nodes.length > 0;
  body.hidden = nodes.length === 0;
  drawn = new Map();
  cursor = leader = -1;
  svg = null;
  canvas.replaceChildren();
  if (!nodes.length) return;
  const rows = Math.max(...steps.map((step) => step.length));
  const width = LEFT + steps.length * COLUMN, height = TOP + rows * ROW + 4;
  const root = make("g", { class: "beam-root", "aria-hidden": "true" }, make("text", { x: LEFT - COLUMN + WIDTH - 6, y: TOP + HEIGHT / 2 + 4 }, `… ${data.prompt}`));
  svg = make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "none" }, root);
  canvas.append(svg);
  slider.max = steps.length;
  build(steps.length);
  scroll.scrollLeft = 0;
  fill();
  markAll();
};

const build = (to, follow = false) => {
  shown = Math.max(1, Math.min(steps.length, to));
  slider.value = shown;
  element.querySelector(".beams-step output").textContent = `${shown} of ${steps.length}`;
  if (follow) {
    const right = LEFT + shown * COLUMN + 20;
    if (right > scroll.scrollLeft + scroll.clientWidth || right < scroll.scrollLeft + COLUMN) scroll.scrollLeft = right - scroll.clientWidth;
  }
  fill();
};
const stop = () => {
  clearInterval(timer);
  timer = null;
  play.textContent = "▶ Play";
};
play.addEventListener("click", () => {
  if (timer) return stop();
  if (shown >= steps.length) {
    scroll.scrollLeft = 0;
    build(1, true);
  }
  play.textContent = "❚❚ Pause";
  // A long search is as quickly told as a short one
  timer = setInterval(() => {
    if (shown >= steps.length || !element.isConnected) return stop();
    build(shown + 1, true);
  }, Math.max(80, Math.min(600, 12000 / steps.length)));
});
slider.addEventListener("input", () => {
  stop();
  build(+slider.value, true);
});
withPruned.addEventListener("change", () => canvas.classList.toggle("without-pruned", !withPruned.checked));
scroll.addEventListener("scroll", fill, { passive: true });

const seen = (node) => node && node.step < shown && (withPruned.checked || node.state !== "pruned");
const bring = (node) => {
  const x = left(node), y = top(node);
  if (x < scroll.scrollLeft + 20) scroll.scrollLeft = x - 40;
  else if (x + WIDTH > scroll.scrollLeft + scroll.clientWidth - 20) scroll.scrollLeft = x + WIDTH - scroll.clientWidth + 40;
  if (y < scroll.scrollTop) scroll.scrollTop = y - TOP;
  else if (y + HEIGHT > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = y + HEIGHT - scroll.clientHeight + 8;
  fill();
};
const stand = (node) => {
  if (!seen(node)) return;
  cursor = node.id;
  bring(node);
  markAll();
  scroll.setAttribute("aria-activedescendant", `${prefix}-${cursor}`);
  const made = canvas.querySelector(`[data-node="${cursor}"]`)?.getBoundingClientRect();
  if (made && scroll.matches(":focus-visible")) showTip(describe(node), made.left, made.bottom - 10);
};
const choose = (node) => {
  stand(node);
  trigger("select", { index: node.id });
};

// The next of the same step in a direction; the likeliest way on; the way back.
const neighbour = (node, by) => {
  let at = node.place + by;
  while (steps[node.step][at] && !seen(steps[node.step][at])) at += by;
  return steps[node.step][at];
};
const onwards = (node) => {
  const on = node.children.filter(seen);
  return on.find((child) => child.best) ?? on.find((child) => child.state !== "pruned") ?? on[0];
};
scroll.addEventListener("keydown", (event) => {
  const best = nodes.filter((node) => node.best && node.step < shown);
  const node = nodes[cursor];
  if (event.key === "Escape") return hideTip();
  if (!["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End", "Enter", " "].includes(event.key)) return;
  event.preventDefault();
  if (event.key === "Home") stand(best[0]);
  else if (event.key === "End") stand(best[best.length - 1]);
  else if (!seen(node)) stand(seen(nodes[props.selected]) ? nodes[props.selected] : best[0] ?? steps[0][0]);
  else if (event.key === "ArrowRight") stand(onwards(node));
  else if (event.key === "ArrowLeft") stand(nodes[node.parent]);
  else if (event.key === "ArrowUp") stand(neighbour(node, -1));
  else if (event.key === "ArrowDown") stand(neighbour(node, 1));
  else choose(node);
});
scroll.addEventListener("blur", () => {
  cursor = -1;
  hideTip();
  markAll();
});

const nodeOf = (event) => nodes[event.target.closest?.("[data-node]")?.dataset.node ?? -1];
canvas.addEventListener("click", (event) => {
  const node = nodeOf(event);
  if (node) choose(node);
});
canvas.addEventListener("mousemove", (event) => {
  const node = nodeOf(event);
  if (node) showTip(describe(node), event.clientX, event.clientY);
  else hideTip();
});
canvas.addEventListener("mouseleave", hideTip);

const select = () => {
  const node = nodes[props.selected];
  if (node && node.step >= shown) build(node.step + 1);
  if (node && scroll.clientWidth) bring(node);
  markAll();
};
// The list of finished hypotheses says which of them leads under another penalty.
document.addEventListener("beam-leader", ({ detail }) => {
  leader = detail;
  markAll();
});
watch("value", draw);
watch("selected", select);
new ResizeObserver(fill).observe(scroll);
draw();
