
// What the overview has beside every chart: a large picture of the tile under the mouse, and the keyboard.
// Joined to chart.js, whose names it uses.
let pixels = null;
const readPixels = () => {
  const { bdata } = figure.data[0].z;
  return Uint8Array.from(atob(bdata), (character) => character.charCodeAt(0));
};
tileLines = (layer, head) => {
  const lines = [`layer ${figure.layout.meta.layers[layer]}, head ${head}`];
  const { names, scores } = JSON.parse(props.patterns || "{}");
  if (names)
    names
      .map((name, at) => [scores[at][layer][head], name])
      .filter(([score]) => score !== null)
      .sort(([a], [b]) => b - a)
      .slice(0, 3)
      .forEach(([score, name]) => lines.push(`${name} ${score.toFixed(2)}`));
  return lines;
};
tilePicture = (layer, head) => {
  const { n_heads, tile } = figure.layout.meta;
  const [rows, columns] = tile;
  const [row, column] = placeOf(figure.layout.meta, layer, head);
  if (pixels?.of !== figure) pixels = { of: figure, values: readPixels() };
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  canvas.className = "tile-picture";
  const context = canvas.getContext("2d");
  const colours = new Map();
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const value = pixels.values[(row * rows + y) * n_heads * columns + column * columns + x];
      if (!colours.has(value)) colours.set(value, colorAt(palette.attention, value / 255));
      context.fillStyle = colours.get(value);
      context.fillRect(x, y, 1, 1);
    }
  return canvas;
};

plot.tabIndex = 0;
plot.setAttribute("role", "application");
plot.setAttribute("aria-label", "All heads. Arrow keys move, Enter opens a head.");
const said = document.createElement("span");
said.className = "visually-hidden";
said.setAttribute("aria-live", "polite");
element.append(said);
const showCursor = () => {
  redraw();
  const [layer, head] = headAt(figure.layout.meta, ...cursor);
  said.textContent = tileLines(layer, head).join(", ");
  const { left, top } = plot.getBoundingClientRect();
  const { xaxis, yaxis } = plot._fullLayout;
  const x = left + xaxis._offset + xaxis.l2p(cursor[1] + 1), y = top + yaxis._offset + yaxis.l2p(cursor[0] + 1);
  showTip(tileLines(layer, head), x, y, tilePicture(layer, head));
};
plot.addEventListener("keydown", (event) => {
  if (!figure) return;
  const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (event.key === "Escape") hideTip();
  if (!move && event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  const { meta } = figure.layout;
  const at = JSON.parse(props.highlight || "{}");
  const from = cursor ?? placeOf(meta, at.layer ?? 0, at.head ?? 0);
  if (!move) {
    hideTip();
    trigger("select", { index: headAt(meta, ...from), value: null });
    return;
  }
  cursor = [
    Math.max(0, Math.min(meta.n_layers - 1, from[0] + move[0])),
    Math.max(0, Math.min(meta.n_heads - 1, from[1] + move[1])),
  ];
  showCursor();
});
plot.addEventListener("blur", () => {
  if (!cursor) return;
  cursor = null;
  hideTip();
  redraw();
});
