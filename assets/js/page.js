// What the parts of the page share: the theme, the colours of the palette, a tooltip. Loaded once, before them.
window.playground = (() => {
  const isDark = () => document.body.classList.contains("dark");
  const themeName = () => (isDark() ? "dark" : "light");

  const listeners = new Set();
  const onTheme = (listener) => listeners.add(listener);
  const watchTheme = () =>
    new MutationObserver(() => listeners.forEach((listener) => listener(themeName()))).observe(document.body, {
      attributes: true,
      attributeFilter: ["class"],
    });
  if (document.body) watchTheme();
  else document.addEventListener("DOMContentLoaded", watchTheme);

  const toggleTheme = () => {
    const dark = document.body.classList.toggle("dark");
    try {
      localStorage.setItem("playground-theme", dark ? "dark" : "light");
    } catch {
      // Storage may be closed to an embedded page; the theme then lasts as long as the page.
    }
  };
  const restoreTheme = () => {
    try {
      const stored = localStorage.getItem("playground-theme");
      if (stored) document.body.classList.toggle("dark", stored === "dark");
    } catch {
      // See above.
    }
  };

  // Counts what a visitor does, so that the server can tell what came later: requests may change places on their way.
  let turns = 0;
  const turn = () => ++turns;
  // The script of a component, with all that it fires counted.
  const counting = (script) => (element, trigger, props, watch) =>
    script(element, (event, data) => trigger(event, { ...data, turn: turn() }), props, watch);

  // A colour at `value` (0 to 1) of a palette scale, between its nearest stops.
  const channel = (hex, at) => parseInt(hex.slice(1 + 2 * at, 3 + 2 * at), 16);
  const mix = (from, to, part) =>
    `rgb(${[0, 1, 2].map((at) => Math.round(channel(from, at) + (channel(to, at) - channel(from, at)) * part)).join(",")})`;
  const colorAt = (scale, value, theme = themeName()) => {
    const { positions } = scale;
    const stops = scale[theme];
    const v = Math.min(1, Math.max(0, value));
    let next = positions.findIndex((position) => position >= v);
    if (next <= 0) return stops[0];
    const part = (v - positions[next - 1]) / (positions[next] - positions[next - 1]);
    return mix(stops[next - 1], stops[next], part);
  };
  const stops = (scale, theme = themeName()) => scale.positions.map((position, at) => [position, scale[theme][at]]);

  // The root keeps the light colours, whatever the body has.
  const cssColor = (name, theme = themeName()) =>
    getComputedStyle(theme === "light" ? document.documentElement : document.body).getPropertyValue(name).trim();

  // One tooltip for the whole page. Lines are set as text, never as HTML: tokens are whatever a visitor typed.
  let tip;
  const showTip = (lines, x, y, picture = null) => {
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "playground-tip";
      tip.setAttribute("role", "tooltip");
      document.body.append(tip);
    }
    tip.replaceChildren(
      ...lines.map((line, at) => {
        const row = document.createElement("div");
        row.textContent = line;
        if (at === 0) row.className = "playground-tip-title";
        return row;
      }),
      ...(picture ? [picture] : []),
    );
    tip.style.display = "block";
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - width - 4))}px`;
    tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 10) : y + 18}px`;
  };
  const hideTip = () => tip && (tip.style.display = "none");

  const visible = (text) =>
    text.replace(/ /g, "·").replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/\r/g, "␍") || "∅";
  const percent = (p) => (p >= 0.9995 ? "100 %" : p >= 0.001 ? `${(100 * p).toFixed(1)} %` : `${(100 * p).toPrecision(2)} %`);

  // Plotly takes as long to start as a sixth of the page, and nothing is drawn before there is a text: it is fetched
  // when the page can be used, or for the first chart.
  let fetching;
  const plotly = () =>
    (fetching ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = "playground/plotly.js";
      script.onload = script.onerror = () => {
        if (window.Plotly) return done(window.Plotly);
        fetching = undefined; // the next chart asks again
        script.remove();
        failed(new Error("plotly.js could not be fetched"));
      };
      document.head.append(script);
    }));
  const fetchWhenUsable = () => {
    if (!document.querySelector("#generate:enabled")) setTimeout(fetchWhenUsable, 250);
    else (window.requestIdleCallback || setTimeout)(() => plotly().catch(() => {}), { timeout: 2000 });
  };
  fetchWhenUsable();

  return { colorAt, counting, cssColor, hideTip, isDark, onTheme, percent, plotly, restoreTheme, showTip, stops, themeName, toggleTheme, turn, visible };
})();
