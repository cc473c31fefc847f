// The dialog of models. models, found and progress are JSON from playground/views/model_list.py; names, notes and
// messages come from other hosts and are set as text.
const ID = /^[A-Za-z0-9][\w.-]{0,95}(\/[A-Za-z0-9][\w.-]{0,95})?$/;
const WAIT_MS = 350; // after the last letter, before the Hub is asked

const find = (selector) => element.querySelector(selector);
const dialog = find(".picker-dialog");
const filter = find(".picker-filter");
const secret = find(".picker-secret");
const load = find(".picker-load");
const state = find(".picker-state");
const foundLine = find(".picker-found");
const list = (group) => find(`[data-group="${group}"]`);

const models = JSON.parse(props.models);
let found = null; // what the last search found
let loading = ""; // the model on its way
let wanted = ""; // the model that was asked for last
let timer = 0;
let cancelled = false; // by the visitor, who need not be alarmed

const make = (tag, className, text) => {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
};
const row = (model) => {
  const button = make("button", "picker-row", "");
  button.type = "button";
  button.dataset.model = model.name;
  button.disabled = Boolean(model.closed);
  const name = make("span", "picker-name", model.title ?? model.name);
  if (model.gated) name.append(make("span", "picker-gated", "gated"));
  button.append(name);
  const about = [model.facts, model.note].filter(Boolean).join(". ");
  if (about) button.append(make("span", "picker-about", about));
  const item = document.createElement("li");
  item.append(button);
  return item;
};
const words = () => filter.value.trim();
const holds = (model) => `${model.name} ${model.facts ?? ""} ${model.note ?? ""}`.toLowerCase().includes(words().toLowerCase());
const fill = (group, shown) => {
  const nothing = shown.length === 0 && words() ? [make("li", "picker-none", "none has this in its name")] : [];
  list(group).replaceChildren(...shown.map(row), ...nothing);
};

const show = () => {
  fill("offered", models.offered.filter(holds));
  fill("known", models.known.filter(holds).map((model) => ({ ...model, closed: !models.hub })));
  list("folders").replaceChildren(...models.folders.filter(holds).map((model) => row({ ...model, facts: "a folder on this server" })));
  showFound();
};
const showFound = () => {
  if (!models.hub) return;
  const typed = words();
  const listed = [...models.offered, ...models.known].map((model) => model.name);
  const hits = (found?.words === typed ? found.models : []).filter((model) => !listed.includes(model.name));
  const isNew = ID.test(typed) && ![...listed, ...hits.map((model) => model.name)].includes(typed);
  const own = isNew ? [row({ name: typed, title: `Load “${typed}” from the Hub` })] : [];
  list("found").replaceChildren(...hits.map(row), ...own);
  if (!typed) foundLine.textContent = "Type above: models of the Hugging Face Hub with that in their names appear here.";
  else if (found?.words !== typed) foundLine.textContent = "Searching the Hugging Face Hub …";
  else foundLine.textContent = found.error || (found.models.length ? "On the Hugging Face Hub, the most downloaded first:" : "The Hub has no language model with this in its name.");
  foundLine.classList.toggle("picker-error", Boolean(typed && found?.words === typed && found.error));
};
const search = () => {
  show();
  clearTimeout(timer);
  const typed = words();
  if (!models.hub || !typed || found?.words === typed) return;
  timer = setTimeout(() => trigger("input", { words: typed }), WAIT_MS);
};

// One loading at a time; the page goes on meanwhile, with the dialog open or not.
const showLoad = (at) => {
  loading = ["ready", "failed"].includes(at.stage) ? "" : at.model;
  const title = find(".picker-title"), bar = find(".picker-progress");
  const failed = at.stage === "failed";
  load.hidden = at.stage === "ready";
  title.textContent = at.title;
  title.classList.toggle("picker-error", failed && !cancelled);
  title.setAttribute("role", failed ? "alert" : "status");
  bar.hidden = failed;
  if (at.share === null) bar.removeAttribute("value");
  else bar.value = at.share;
  find(".picker-numbers").textContent = at.numbers;
  find(".picker-cancel").hidden = failed;
  find(".picker-again").hidden = !failed;
  const part = at.share === null ? "loading …" : `${Math.floor(100 * at.share)} %`;
  state.textContent = loading ? part : failed && !cancelled ? "not loaded" : "";
  state.title = loading ? `Loading ${at.model}` : failed ? at.title : "";
  state.classList.toggle("picker-error", failed);
};
const choose = (name) => {
  wanted = name;
  cancelled = false;
  showLoad({ model: name, stage: "asked", title: `Asking for ${name} …`, share: null, numbers: "" });
  load.scrollIntoView({ block: "nearest" });
  trigger("submit", { model: name, token: secret.value });
};
const isOpen = () => dialog.open;
const progress = () => {
  const at = props.progress ? JSON.parse(props.progress) : null;
  if (!at || (wanted && at.model !== wanted)) return; // of one that another choice has ended
  const wasOpen = isOpen();
  showLoad(at);
  if (at.stage === "ready" && wasOpen) dialog.close();
  if (at.stage === "failed" && /token/.test(at.title) && wasOpen) secret.focus();
};

find(".picker-open").addEventListener("click", () => {
  show();
  dialog.showModal();
  filter.focus();
});
find(".picker-close").addEventListener("click", () => dialog.close());
find(".picker-cancel").addEventListener("click", () => {
  cancelled = true;
  trigger("stop", {});
});
find(".picker-again").addEventListener("click", () => choose(wanted));
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("[data-model]");
  if (button) choose(button.dataset.model);
  else if (event.target === dialog) dialog.close(); // beside it
});
filter.addEventListener("input", search);
secret.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && wanted) choose(wanted);
});
dialog.addEventListener("keydown", (event) => {
  if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  const rows = [...dialog.querySelectorAll(".picker-row:enabled")];
  const at = rows.indexOf(event.target);
  const fromFilter = event.target === filter && event.key === "ArrowDown";
  if (!rows.length || (at < 0 && !fromFilter)) return;
  event.preventDefault();
  if (event.key === "ArrowUp" && at === 0) return filter.focus();
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  rows[Math.min(next, rows.length - 1)].focus();
});

for (const line of element.querySelectorAll(".picker-no-hub")) line.textContent = models.noHub;
find(".picker-no-folder").textContent = models.noFolder;
find(".picker-token").hidden = !models.hub;
load.hidden = true;
watch("found", () => {
  const answer = props.found ? JSON.parse(props.found) : null;
  if (answer && answer.words !== words()) return; // of what was typed before
  found = answer;
  showFound();
});
watch("progress", progress);
show();
