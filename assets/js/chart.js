// A plotly figure that answers clicks and follows the theme. The value is the figure as JSON; `highlight` says what
// is selected, and is drawn here, so that a selection does not send the figure again.
const { colorAt, cssColor, hideTip, onTheme, plotly, showTip, stops, themeName } = window.playground;
const palette = PALETTE;

const plot = element.querySelector(".chart-plot");
const empty = element.querySelector(".chart-empty");
const hint = empty.textContent;
const tools = element.querySelector(".chart-tools");
let figure = null;
let style = { log: false, threshold: 0 };
let zoom = null; // of a chart that zooms (zoom.js): {x: [first, last], y: [first, last]}, counted in cells
let dragmode = false;

// Colours of weights: logarithmic on request, and none below the threshold.
const weightStops = (name, theme) => {
  const scale = palette[style.log && name === "attention" ? "attention-log" : name];
  const all = stops(scale, theme);
  const { threshold } = style;
  if (!threshold || name !== "attention") return all;
  const nothing = all[0][1];
  return [[0, nothing], [threshold, nothing], [threshold, colorAt(scale, threshold, theme)], ...all.filter(([at]) => at > threshold)];
};

const themed = (source, theme = themeName()) => {
  const [ink, faint, accent, soft] = ["--ink", "--line", "--accent-ink", "--ink-soft"].map((name) => cssColor(name, theme));
  const data = source.data.map((trace) => {
    const out = { ...trace };
    if (trace.meta?.scale) {
      out.colorscale = weightStops(trace.meta.scale, theme);
      if (out.colorbar) out.colorbar = { ...out.colorbar, tickfont: { color: ink }, title: { ...out.colorbar.title, font: { color: ink } } };
    }
    if (trace.meta?.series) {
      const color = palette.series[trace.meta.series][theme];
      out.marker = { ...trace.marker, color };
      if (trace.line) out.line = { ...trace.line, color };
    }
    return out;
  });
  const layout = { ...source.layout };
  layout.font = { ...layout.font, color: ink, family: getComputedStyle(document.body).fontFamily };
  layout.shapes = (layout.shapes || []).map((shape) =>
    shape.name === "grid" ? { ...shape, line: { ...shape.line, color: faint } }
    : shape.name === "group" ? { ...shape, line: { ...shape.line, color: soft } }
    : shape,
  );
  layout.shapes.push(...selection(layout.meta || {}, accent));
  for (const axis of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) layout[axis] = { ...layout[axis], gridcolor: faint, linecolor: faint };
  layout.autosize = true;
  layout.dragmode = dragmode;
  const width = plot.clientWidth || element.clientWidth;
  // A map of one text is about as high as it is wide, so that its cells are near square.
  const hover = layout.meta?.hover;
  if (hover === "weights") {
    const shape = Math.max(0.4, Math.min(layout.meta.queries.length / layout.meta.keys.length, 1.4));
    layout.height = Math.round(Math.max(340, Math.min(0.92 * width * shape, 840)));
  }
  if (hover === "weights" || hover === "rows" || hover === "bars" || hover === "flow") thinLabels(data[0], layout, width);
  if (layout.meta?.strip && layout.xaxis?.tickvals) {
    const { tickvals, ticktext } = layout.xaxis;
    const every = Math.max(1, Math.ceil((tickvals.length * 13) / Math.max(60, width - 100)));
    const kept = (labels) => labels?.filter((_, at) => at % every === 0);
    layout.xaxis = { ...layout.xaxis, tickvals: kept(tickvals), ticktext: kept(ticktext) };
  }
  if (hover === "tiles") {
    // Square tiles, whatever the width, but never so many that the page is nothing else.
    const { l, r, t, b } = layout.margin;
    const side = (width - l - r) / layout.meta.n_heads;
    layout.height = Math.round(Math.max(12, Math.min(side, 120)) * layout.meta.n_layers + t + b);
  }
  return { data, layout };
};

// As many token labels as there is room for, of the part that is shown; on a narrow screen no colour bar.
const thinLabels = (trace, layout, width) => {
  const narrow = width < 480;
  if (narrow) trace.showscale = false;
  const shown = (labels, axis) => (zoom ? labels.slice(zoom[axis][0], zoom[axis][1] + 1) : labels);
  const thinned = (labels, room) => labels.filter((_, at) => at % Math.max(1, Math.ceil((labels.length * 13) / room)) === 0);
  const across = thinned(shown(trace.x, "x"), Math.max(60, width - (narrow ? 90 : 190)));
  const ticks = (labels) => ({ tickvals: labels, ticktext: labels.map((label) => label.replace(/\u200b/g, "")) });
  layout.xaxis = { ...layout.xaxis, ...ticks(across) };
  if (layout.meta.hover !== "weights") return;
  layout.yaxis = { ...layout.yaxis, ...ticks(thinned(shown(trace.y, "y"), Math.max(60, layout.height - 110))) };
  if (narrow) for (const axis of ["xaxis", "yaxis"]) layout[axis].title = undefined;
  if (!zoom) return;
  for (const name of ["x", "y"]) {
    const [first, last] = zoom[name];
    const range = name === "x" ? [first - 0.5, last + 0.5] : [last + 0.5, first - 0.5];
    Object.assign(layout[`${name}axis`], { range, autorange: false });
    if (last - first < 40) layout[`${name}axis`].tickfont = { size: 11 };
  }
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
  if (meta.heads)
    return (at.heads || []).map(([row, column]) => ({ ...frame, x0: column, x1: column + 1, y0: row, y1: row + 1 }));
  if (meta.strip && at.step !== undefined)
    return [{ ...frame, line: { color: accent, width: 1.5 }, yref: "paper", x0: at.step - 0.5, x1: at.step + 0.5, y0: 0, y1: 1 }];
  return [];
};

const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset" };
let onFigure = () => {}; // a chart with more abilities hooks in here
let onFirstDraw = () => {};
const draw = async () => {
  figure = props.value ? JSON.parse(props.value) : null;
  empty.hidden = Boolean(figure);
  empty.textContent = props.absent || hint;
  plot.hidden = tools.hidden = !figure;
  if (!figure) return;
  onFigure();
  await redraw();
  element.dispatchEvent(new CustomEvent("chart-drawn", { bubbles: true }));
};
const redraw = async () => {
  if (figure && !window.Plotly && !(await plotly().catch(() => null))) {
    // Said in the chart's place, where the eye is
    empty.hidden = false;
    empty.textContent = "The program that draws charts could not be fetched from the server. Trying again …";
    setTimeout(redraw, 3000);
    return;
  }
  if (!figure) return;
  empty.hidden = true;
  const { data, layout } = themed(figure);
  plot.style.minHeight = `${layout.height || 300}px`;
  await window.Plotly.react(plot, data, layout, config);
  if (plot.dataset.wired) return;
  plot.dataset.wired = "yes";
  plot.on("plotly_click", onClick);
  plot.on("plotly_hover", onHover);
  plot.on("plotly_unhover", hideTip);
  onFirstDraw();
};

const place = (point) => {
  const meta = figure.layout.meta || {};
  if (meta.hover === "tiles") return headAt(meta, Math.floor(point.y), Math.floor(point.x));
  if (point.pointIndex?.length === 2) return [point.pointIndex[0], point.pointIndex[1]];
  return [point.pointIndex ?? point.pointNumber, 0];
};
const onClick = ({ points }) => {
  const { step } = figure.layout.meta || {};
  // A candidate of a step: which of them the chart shows, whatever is selected when the click arrives
  if (step !== undefined) return trigger("select", { index: step, value: points[0].customdata });
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

// A picture to take away is made for white paper, whatever the page looks like, and says of what it is.
const savePicture = (format) => {
  const { data, layout } = themed(figure, "light");
  const { file, title } = layout.meta || {};
  layout.paper_bgcolor = layout.plot_bgcolor = "#ffffff";
  if (title) layout.title = { text: title, font: { size: 15 }, x: 0, xanchor: "left", xref: "container", y: 1, yanchor: "top", yref: "container", pad: { t: 10, l: 10, b: 8 }, automargin: true };
  const height = plot.clientHeight + (title ? 36 : 0);
  if (title && layout.margin.t > 20) layout.margin = { ...layout.margin, t: layout.margin.t + 36 }; // not left to plotly
  layout.height = height;
  window.Plotly.downloadImage({ data, layout }, {
    format,
    filename: file ?? element.closest("[id]").id,
    width: plot.clientWidth,
    height,
    scale: format === "png" ? 2 : 1,
  });
};
tools.addEventListener("click", (event) => {
  const format = event.target.closest("[data-save]")?.dataset.save;
  if (format && figure) savePicture(format);
});
onTheme(redraw);
watch("value", draw);
watch("absent", draw);
watch("highlight", redraw);
// A chart in a tab that was hidden has no width until the tab is shown.
new ResizeObserver(() => figure && plot.offsetWidth && window.Plotly?.Plots.resize(plot)).observe(element);
draw();
