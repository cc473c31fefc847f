// Saves a file that came as a message: JSON of {name, type, data (base64)}.
const save = () => {
  if (!props.value) return;
  const { name, type, data } = JSON.parse(props.value);
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};
watch("value", save);
