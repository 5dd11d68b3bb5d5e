// Makes the pages of the frame quicker to use; all of them work without it.
import "./house.css";

const COPIED_MILLISECONDS = 2000;

offerCopying();
showSavingOnChange();
closeMenusOutside();

/** A button beside what is shown once. */
function offerCopying(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    const field = document.getElementById(button.dataset["copy"] ?? "");
    if (!(field instanceof HTMLInputElement)) continue;
    const before = button.textContent;
    button.hidden = false;
    button.addEventListener("click", () => {
      field.select();
      void navigator.clipboard?.writeText(field.value).then(() => {
        button.textContent = button.dataset["copied"] ?? before;
        setTimeout(() => (button.textContent = before), COPIED_MILLISECONDS);
      });
    });
  }
}

/** A row's button is there only while something in the row differs from what is stored. */
function showSavingOnChange(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-with-change]")) {
    const choice = button.form?.querySelector("select");
    if (!choice) continue;
    const stored = choice.value;
    const show = (): void => void (button.hidden = choice.value === stored);
    choice.addEventListener("change", show);
    show();
  }
}

/** Menus close like menus: by Escape, by a click elsewhere, and when another one opens. */
function closeMenusOutside(): void {
  const close = (but: Element | null): void => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      if (menu !== but) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => {
    close(event.target instanceof Element ? event.target.closest("details.menu") : null);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.activeElement?.closest("details.menu[open]");
    close(null);
    open?.querySelector("summary")?.focus();
  });
}
