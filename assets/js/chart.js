// A plotly figure that answers clicks and follows the theme. The value is the figure as JSON; `highlight` says what
// is selected, and is drawn here, so that a selection does not send the figure again.
const { colorAt, cssColor, hideTip, onTheme, showTip, stops, themeName } = window.playground;
const palette = PALETTE;

const plot = element.querySelector(".chart-plot");
const empty = element.querySelector(".chart-empty");
const hint = empty.textContent;
let figure = null;
let style = { log: false, threshold: 0 };

// Colours of weights: logarithmic on request, and none below the threshold.
const weightStops = (name) => {
  const scale = palette[style.log && name === "attention" ? "attention-log" : name];
  const all = stops(scale);
  const { threshold } = style;
  if (!threshold || name !== "attention") return all;
  const nothing = all[0][1];
  return [[0, nothing], [threshold, nothing], [threshold, colorAt(scale, threshold)], ...all.filter(([at]) => at > threshold)];
};

const themed = (source) => {
  const ink = cssColor("--ink"), faint = cssColor("--line"), accent = cssColor("--accent-ink");
  const data = source.data.map((trace) => {
    const out = { ...trace };
    if (trace.meta?.scale) {
      out.colorscale = weightStops(trace.meta.scale);
      if (out.colorbar) out.colorbar = { ...out.colorbar, tickfont: { color: ink }, title: { ...out.colorbar.title, font: { color: ink } } };
    }
    if (trace.meta?.series) out.marker = { ...trace.marker, color: palette.series[trace.meta.series][themeName()] };
    return out;
  });
  const layout = { ...source.layout };
  layout.font = { ...layout.font, color: ink, family: getComputedStyle(document.body).fontFamily };
  layout.shapes = (layout.shapes || []).map((shape) =>
    shape.name === "grid" ? { ...shape, line: { ...shape.line, color: faint } }
    : shape.name === "group" ? { ...shape, line: { ...shape.line, color: cssColor("--ink-soft") } }
    : shape,
  );
  layout.shapes.push(...selection(layout.meta || {}, accent));
  for (const axis of ["xaxis", "yaxis"]) layout[axis] = { ...layout[axis], gridcolor: faint, linecolor: faint };
  layout.autosize = true;
  const width = plot.clientWidth || element.clientWidth;
  // A map of one text is about as high as it is wide, so that its cells are near square.
  const hover = layout.meta?.hover;
  if (hover === "weights") {
    const shape = Math.max(0.4, Math.min(layout.meta.queries.length / layout.meta.keys.length, 1.4));
    layout.height = Math.round(Math.max(340, Math.min(0.92 * width * shape, 840)));
  }
  if (hover === "weights" || hover === "rows" || hover === "bars" || hover === "flow") thinLabels(data[0], layout, width);
  if (hover === "tiles") {
    // Square tiles, whatever the width, but never so many that the page is nothing else.
    const { l, r, t, b } = layout.margin;
    const side = (width - l - r) / layout.meta.n_heads;
    layout.height = Math.round(Math.max(12, Math.min(side, 120)) * layout.meta.n_layers + t + b);
  }
  return { data, layout };
};

// As many token labels as there is room for; on a narrow screen no colour bar.
const thinLabels = (trace, layout, width) => {
  const narrow = width < 480;
  if (narrow) trace.showscale = false;
  const thinned = (labels, room) => labels.filter((_, at) => at % Math.max(1, Math.ceil((labels.length * 13) / room)) === 0);
  const across = thinned(trace.x, Math.max(60, width - (narrow ? 90 : 190)));
  const ticks = (labels) => ({ tickvals: labels, ticktext: labels.map((label) => label.replace(/\u200b/g, "")) });
  layout.xaxis = { ...layout.xaxis, ...ticks(across) };
  if (layout.meta.hover !== "weights") return;
  layout.yaxis = { ...layout.yaxis, ...ticks(thinned(trace.y, Math.max(60, layout.height - 110))) };
  if (narrow) for (const axis of ["xaxis", "yaxis"]) layout[axis].title = undefined;
};

// Tiles may stand in another order than the model's: from a place to (layer, head), and back.
const headAt = (meta, row, column) => meta.order?.[row * meta.n_heads + column] ?? [row, column];
const placeOf = (meta, layer, head) => {
  if (!meta.order) return [layer, head];
  const at = meta.order.findIndex((place) => place[0] === layer && place[1] === head);
  return [Math.floor(at / meta.n_heads), at % meta.n_heads];
};

let cursor = null; // [row, column] of the tile that the keyboard stands on
const selection = (meta, accent) => {
  const at = JSON.parse(props.highlight || "{}");
  const frame = { type: "rect", name: "selected", line: { color: accent, width: 2.5 } };
  if (meta.hover === "tiles" && at.layer !== undefined) {
    const [row, column] = placeOf(meta, at.layer, at.head);
    const frames = [{ ...frame, x0: column, x1: column + 1, y0: row, y1: row + 1 }];
    if (cursor) {
      const [y, x] = cursor;
      frames.push({ ...frame, name: "cursor", line: { color: accent, width: 2, dash: "dot" }, x0: x, x1: x + 1, y0: y, y1: y + 1 });
    }
    return frames;
  }
  if ((meta.hover === "weights" || meta.hover === "rows") && at.row !== undefined && at.row < meta.queries.length)
    return [{ ...frame, line: { color: accent, width: 2 }, xref: "paper", x0: 0, x1: 1, y0: at.row - 0.5, y1: at.row + 0.5 }];
  return [];
};

const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset" };
const draw = async () => {
  figure = props.value ? JSON.parse(props.value) : null;
  empty.hidden = Boolean(figure);
  empty.textContent = props.absent || hint;
  plot.hidden = !figure;
  if (!figure) return;
  await redraw();
  element.dispatchEvent(new CustomEvent("chart-drawn", { bubbles: true }));
};
const redraw = async () => {
  if (!figure || !window.Plotly) return;
  const { data, layout } = themed(figure);
  plot.style.minHeight = `${layout.height || 300}px`;
  await window.Plotly.react(plot, data, layout, config);
  if (plot.dataset.wired) return;
  plot.dataset.wired = "yes";
  plot.on("plotly_click", onClick);
  plot.on("plotly_hover", onHover);
  plot.on("plotly_unhover", hideTip);
};

const place = (point) => {
  const meta = figure.layout.meta || {};
  if (meta.hover === "tiles") return headAt(meta, Math.floor(point.y), Math.floor(point.x));
  if (point.pointIndex?.length === 2) return [point.pointIndex[0], point.pointIndex[1]];
  return [point.pointIndex ?? point.pointNumber, 0];
};
const onClick = ({ points }) => {
  const [row, column] = place(points[0]);
  trigger("select", { index: [row, column], value: points[0].z ?? points[0].x });
};
const onHover = ({ points, event }) => {
  const meta = figure.layout.meta || {};
  const [row, column] = place(points[0]);
  const weight = () => (meta.low + points[0].z * meta.unit).toFixed(2);
  const lines =
    meta.hover === "tiles" ? tileLines(row, column)
    : meta.hover === "weights" ? [`“${meta.queries[row]}” looks at “${meta.keys[column]}”: ${weight()}`, `token ${row} at token ${column}`]
    : meta.hover === "flow" ? [`${meta.queries[row]}: ${weight()} from “${meta.keys[column]}”`, `token ${column}`]
    : meta.hover === "bars" ? [`“${meta.query}” looks at “${meta.keys[row]}”: ${points[0].y.toFixed(3)}`, `token ${row}`]
    : meta.hover === "rows" ? [`${meta.queries[row]} looks at “${meta.keys[column]}”: ${weight()}`]
    : null;
  if (lines) showTip(lines, event.clientX, event.clientY, meta.hover === "tiles" ? tilePicture(row, column) : null);
};
let tileLines = () => [];
let tilePicture = () => null;
plot.addEventListener("mouseleave", hideTip);

element.querySelector(".chart").addEventListener("restyle", ({ detail }) => {
  style = { ...style, ...detail };
  redraw();
});
element.querySelector(".chart").addEventListener("save", ({ detail: format }) => {
  if (!figure) return;
  const { layer, head } = figure.layout.meta;
  window.Plotly.downloadImage(plot, {
    format,
    filename: `layer-${layer}-head-${head}`,
    width: plot.clientWidth,
    height: plot.clientHeight,
    scale: format === "png" ? 2 : 1,
  });
});
onTheme(redraw);
watch("value", draw);
watch("absent", draw);
watch("highlight", redraw);
// A chart in a tab that was hidden has no width until the tab is shown.
new ResizeObserver(() => figure && plot.offsetWidth && window.Plotly?.Plots.resize(plot)).observe(element);
draw();
