// Notes in the page when the mouse was pressed, when chips came, and when a chart was on the screen, so that no time
// is spent on the way to the test and back. All times are those of performance.now(), in milliseconds.
window.benchmark = { pressed: 0, chips: [], drawn: {} };

const findChips = () => document.querySelectorAll("#tokens [data-token-index]:not(.chip-prompt)");
let before; // the first chip of the text that the press is to replace
let count = 0;

addEventListener("pointerdown", () => {
  window.benchmark.pressed = performance.now();
  window.benchmark.chips = [];
  before = findChips()[0];
  count = 0;
}, true);

const noteChips = () => {
  const chips = findChips();
  if (before && chips[0] === before) return;
  if (chips.length > count) window.benchmark.chips.push({ count: chips.length, at: performance.now() });
  count = chips.length;
};
addEventListener("DOMContentLoaded", () =>
  new MutationObserver(noteChips).observe(document.body, { childList: true, subtree: true }),
);

addEventListener("chart-drawn", (event) => {
  const names = event.composedPath().map((element) => element.id).filter(Boolean);
  requestAnimationFrame(() => names.forEach((name) => (window.benchmark.drawn[name] = performance.now())));
}, true);
