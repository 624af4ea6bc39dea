// A button on each code block that copies what is to be typed: of a session, the commands
// without their "$", and nothing of what they print.
"use strict";

function textToCopy(block) {
  const text = block.textContent.replace(/\n+$/, "");
  if (!block.closest(".highlight-console")) return text;
  const typed = [];
  let open = false;
  for (const line of text.split("\n")) {
    const goesOn = open && line.startsWith("> ");
    open = goesOn || line.startsWith("$ ");
    if (open) typed.push(line.slice(2));
  }
  return typed.join("\n");
}

function addButton(block) {
  const text = textToCopy(block);
  if (!text) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  block.parentElement.append(button);
}

document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return; // a page that is not served over HTTPS
  for (const block of document.querySelectorAll("div.highlight > pre")) {
    if (!block.closest(".highlight-text, .highlight-default")) addButton(block);
  }
});
