// Marks the tabs of instruments that the chosen model has no answer for; the reason is said on hover and on focus, and
// stands in the instrument's place when it is opened all the same. The value is JSON: {name of the tab: reason}.
const { hideTip, showTip } = window.playground;
const strip = () => document.querySelector("#instruments > .tab-wrapper");

const mark = () => {
  const reasons = JSON.parse(props.value || "{}");
  for (const tab of strip()?.querySelectorAll("button") ?? []) {
    const reason = reasons[tab.textContent.trim()];
    if (reason) {
      tab.dataset.absent = reason;
      tab.setAttribute("aria-description", reason);
    } else if (tab.dataset.absent) {
      delete tab.dataset.absent;
      tab.removeAttribute("aria-description");
    }
  }
};
const say = (event) => {
  const tab = event.target.closest?.("[data-absent]");
  if (!tab) return hideTip();
  const box = tab.getBoundingClientRect();
  showTip([tab.dataset.absent], box.left, box.bottom - 14);
};
const begin = () => {
  const tabs = strip();
  if (!tabs) return requestAnimationFrame(begin);
  // Which tabs there is room for changes with the window, and gradio makes them anew
  new MutationObserver(mark).observe(tabs, { childList: true, subtree: true });
  for (const name of ["pointerover", "focusin"]) tabs.addEventListener(name, say);
  for (const name of ["pointerleave", "focusout"]) tabs.addEventListener(name, hideTip);
  mark();
};
watch("value", mark);
begin();
