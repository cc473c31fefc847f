// The buttons of the header: help and theme.
const { restoreTheme, toggleTheme } = window.playground;
const help = element.querySelector("dialog");
restoreTheme();
element.addEventListener("click", (event) => {
  const what = event.target.closest("[data-do]")?.dataset.do;
  // Where the browser knows command=, the button opens the help by itself, before this script is there.
  if (what === "help" && !("command" in HTMLButtonElement.prototype)) help.showModal();
  if (what === "theme") toggleTheme();
  if (event.target === help) help.close(); // a click beside the open dialog lands on the dialog itself
});

// On a narrow screen the settings start folded, so that prompt and text are near each other.
if (innerWidth < 720) {
  const fold = () => {
    const label = document.querySelector("#settings > button");
    if (label) label.click();
    else requestAnimationFrame(fold);
  };
  fold();
}
