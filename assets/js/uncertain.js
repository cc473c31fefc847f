// The steps at which the model was least sure, as buttons. The value is JSON: [{index, label, bits}].
const box = element.querySelector(".uncertain");
const draw = () => {
  const steps = JSON.parse(props.value || "[]");
  box.hidden = steps.length === 0;
  element.querySelector(".uncertain-list").replaceChildren(
    ...steps.map(({ index, label, bits }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "step-choice";
      button.textContent = `${label} · ${bits.toFixed(2)} bits`;
      button.setAttribute("aria-label", `Select token ${index}, “${label}”: ${bits.toFixed(2)} bits of entropy`);
      button.addEventListener("click", () => trigger("select", { index }));
      return button;
    }),
  );
};
watch("value", draw);
draw();
