// All runs as a tree. The value is JSON: [{id, depth, text, note, shown}] (playground/views/run_tree.py).
const list = element.querySelector(".runs-list");
const empty = element.querySelector(".chart-empty");
let runs = [];

const draw = () => {
  const had = list.contains(document.activeElement);
  runs = JSON.parse(props.value || "[]");
  empty.hidden = runs.length > 0;
  list.hidden = runs.length === 0;
  list.replaceChildren(
    ...runs.map(({ depth, text, note, shown }, at) => {
      const line = document.createElement("div");
      line.className = "run";
      line.setAttribute("role", "option");
      line.setAttribute("aria-selected", String(shown));
      line.style.setProperty("--depth", Math.min(depth, 8));
      line.dataset.run = at;
      line.tabIndex = shown || (at === 0 && !runs.some((run) => run.shown)) ? 0 : -1;
      const words = document.createElement("span");
      words.className = "run-text";
      words.textContent = text.replace(/\n+/g, " ⏎ ");
      const numbers = document.createElement("span");
      numbers.className = "run-note";
      numbers.textContent = note;
      line.append(words, numbers);
      return line;
    }),
  );
  const shown = list.querySelector('[aria-selected="true"]');
  if (!shown) return;
  if (had) shown.focus({ preventScroll: true });
  // Scroll the list, never the page.
  if (shown.offsetTop < list.scrollTop || shown.offsetTop + shown.offsetHeight > list.scrollTop + list.clientHeight)
    list.scrollTop = shown.offsetTop - list.clientHeight / 2;
};

const choose = (line) => line && trigger("select", { index: +line.dataset.run, value: runs[+line.dataset.run].id });
list.addEventListener("click", (event) => choose(event.target.closest(".run")));
list.addEventListener("keydown", (event) => {
  const line = event.target.closest(".run");
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    choose(line);
  }
  const to = { ArrowDown: line?.nextElementSibling, ArrowUp: line?.previousElementSibling }[event.key];
  if (!to) return;
  event.preventDefault();
  line.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
});
watch("value", draw);
draw();
