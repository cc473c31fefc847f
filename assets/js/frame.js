// BertViz in a sandboxed iframe: its scripts run, but see nothing of this page.
const { onTheme, themeName } = window.playground;
const frame = element.querySelector("iframe");
const empty = element.querySelector(".chart-empty");
const draw = () => {
  const view = props.value ? JSON.parse(props.value) : null;
  empty.hidden = Boolean(view);
  frame.hidden = !view;
  if (!view) return;
  frame.style.height = `${view.height}px`;
  frame.srcdoc = view.page.replace('class="light"', `class="${themeName()}"`);
};
onTheme((theme) => frame.contentWindow?.postMessage(theme, "*"));
watch("value", draw);
draw();
