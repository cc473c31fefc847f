
// What a chart that zooms has beside every chart: buttons, a box drawn with the mouse, two fingers, and the keyboard.
// The wheel is left to the page. Joined to chart.js, whose names it uses.
const LEAST_CELLS = 4;
const zoomTools = element.querySelector(".zoom-tools");
zoomTools.hidden = false;
config.doubleClick = false; // answered below, where the labels are chosen
// One finger scrolls the page; where a mouse is at hand, it draws a box.
dragmode = matchMedia("(pointer: fine)").matches ? "zoom" : false;

const sizes = () => ({ x: figure.data[0].x.length, y: figure.data[0].y.length });
const shownPart = () => zoom ?? { x: [0, sizes().x - 1], y: [0, sizes().y - 1] };
const setZoom = (wanted) => {
  const size = sizes();
  const fitted = (name) => {
    const [first, last] = wanted[name];
    const count = Math.min(size[name], Math.max(LEAST_CELLS, Math.round(last - first + 1)));
    const start = Math.max(0, Math.min(Math.round(first), size[name] - count));
    return [start, start + count - 1];
  };
  const next = wanted && { x: fitted("x"), y: fitted("y") };
  const isWhole = !next || ["x", "y"].every((name) => next[name][1] - next[name][0] + 1 >= size[name]);
  zoom = isWhole ? null : next;
  markTools();
  redraw();
};
const markTools = () => {
  const { x, y } = shownPart();
  const can = { in: x[1] - x[0] >= LEAST_CELLS || y[1] - y[0] >= LEAST_CELLS, out: zoom !== null, whole: zoom !== null };
  // Not `disabled`: the button that was pressed last would lose the focus
  for (const [what, possible] of Object.entries(can))
    zoomTools.querySelector(`[data-zoom=${what}]`).setAttribute("aria-disabled", String(!possible));
};
// Show `factor` times as much, with the same place (0 to 1 across, 0 to 1 down) where it was.
const scaleBy = (factor, from = shownPart(), across = 0.5, down = 0.5) => {
  const part = ([first, last], at) => {
    const count = last - first + 1;
    const start = first + at * count * (1 - factor);
    return [start, start + count * factor - 1];
  };
  setZoom({ x: part(from.x, across), y: part(from.y, down) });
};
const moveBy = (across, down) => {
  if (!zoom) return;
  const part = ([first, last], by) => {
    const step = by * Math.max(1, Math.round((last - first + 1) / 4));
    return [first + step, last + step];
  };
  setZoom({ x: part(zoom.x, across), y: part(zoom.y, down) });
};

zoomTools.addEventListener("click", (event) => {
  const what = event.target.closest("[data-zoom]")?.dataset.zoom;
  if (!what || !figure) return;
  if (what === "whole") setZoom(null);
  else scaleBy(what === "in" ? 0.6 : 1 / 0.6);
});

plot.tabIndex = 0;
plot.setAttribute("role", "application");
plot.setAttribute("aria-label", "A map. Plus and minus zoom, arrow keys move, 0 shows all.");
plot.addEventListener("keydown", (event) => {
  if (!figure || event.ctrlKey || event.metaKey || event.altKey) return;
  const move = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
  if (event.key === "+" || event.key === "=") scaleBy(0.6);
  else if (event.key === "-") scaleBy(1 / 0.6);
  else if (event.key === "0") setZoom(null);
  else if (move && zoom) moveBy(...move);
  else return;
  event.preventDefault();
});

let pinch = null;
const fingers = ({ touches: [a, b] }) => {
  const { left, top } = plot.getBoundingClientRect();
  const { xaxis, yaxis } = plot._fullLayout;
  const middle = [(a.clientX + b.clientX) / 2 - left - xaxis._offset, (a.clientY + b.clientY) / 2 - top - yaxis._offset];
  return {
    apart: Math.max(20, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)),
    across: middle[0] / xaxis._length,
    down: middle[1] / yaxis._length,
  };
};
plot.addEventListener("touchstart", (event) => {
  pinch = event.touches.length === 2 && figure ? { ...fingers(event), from: shownPart() } : null;
});
plot.addEventListener(
  "touchmove",
  (event) => {
    if (!pinch || event.touches.length !== 2) return;
    event.preventDefault();
    const now = fingers(event);
    const factor = pinch.apart / now.apart;
    // What was between the fingers at the beginning stays between them
    const part = ([first, last], began, at) => {
      const count = last - first + 1;
      const start = first + began * count - at * count * factor;
      return [start, start + count * factor - 1];
    };
    setZoom({ x: part(pinch.from.x, pinch.across, now.across), y: part(pinch.from.y, pinch.down, now.down) });
  },
  { passive: false },
);
plot.addEventListener("touchend", () => (pinch = null));

// Another head or token of the same text is seen through the same window.
let zoomedText = null;
onFigure = () => {
  const text = JSON.stringify([figure.data[0].x, figure.data[0].y]);
  if (text !== zoomedText) zoom = null;
  zoomedText = text;
  markTools();
};
onFirstDraw = () => {
  plot.on("plotly_relayout", (changed) => {
    const drawn = (name) => [changed[`${name}axis.range[0]`], changed[`${name}axis.range[1]`]];
    const part = (name) => {
      const [from, to] = drawn(name);
      return from === undefined ? shownPart()[name] : [Math.min(from, to), Math.max(from, to)].map(Math.round);
    };
    if (["x", "y"].some((name) => drawn(name)[0] !== undefined)) setZoom({ x: part("x"), y: part("y") });
  });
  plot.on("plotly_doubleclick", () => setZoom(null));
};
if (figure) {
  onFigure();
  redraw();
}
