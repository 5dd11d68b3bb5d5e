// The field at the bottom: text that grows, files that are sent ahead, Enter sends and Shift-Enter breaks the line.
import { DoorError } from "./doors.ts";
import { icon, iconButton, make } from "./elements.ts";
import type { SentFile, Uploaded } from "./shapes.ts";
import type { Words } from "./words.ts";

export type ComposerActions = {
  send(text: string, files: SentFile[]): void;
  upload(content: Blob): Promise<Uploaded>;
  draft(text: string): void;
};

const ACCEPTED = "image/png,image/jpeg,image/gif,image/webp,application/pdf,text/plain,.txt,.csv,.log,.md";
const LARGEST_BYTES = 16 * 1024 * 1024;
const MOST_FILES = 10;

type Chosen = { readonly chip: HTMLElement; sent: SentFile | null };

export class Composer {
  readonly element: HTMLFormElement;
  private readonly field: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly chips: HTMLElement;
  private readonly problem: HTMLElement;
  private chosen: Chosen[] = [];

  constructor(
    private readonly words: Words,
    draft: string,
    private readonly actions: ComposerActions,
  ) {
    this.field = make("textarea", {
      id: "text",
      rows: "1",
      dir: "auto",
      placeholder: words.say("placeholder"),
      autocomplete: "off",
      enterkeyhint: "send",
    });
    this.field.value = draft;
    this.sendButton = iconButton("send", words.say("send"), { type: "submit", class: "icon-button send" });
    this.chips = make("ul", { class: "chips", hidden: true });
    this.problem = make("p", { class: "problem", role: "alert", hidden: true });
    const picker = make("input", { type: "file", accept: ACCEPTED, multiple: true, hidden: true, tabindex: "-1", "aria-hidden": "true" });
    const addFile = iconButton("file", words.say("add_file"));
    addFile.addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
      this.add([...(picker.files ?? [])]);
      picker.value = "";
    });
    const label = make("label", { for: "text", class: "heard" }, words.say("your_message"));
    const row = make("div", { class: "row" }, addFile, picker, label, this.field, this.sendButton);
    this.element = make("form", { class: "composer" }, this.problem, this.chips, row);
    this.listen();
    this.refresh();
  }

  focus(): void {
    this.field.focus();
  }

  private listen(): void {
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.field.addEventListener("input", () => {
      this.actions.draft(this.field.value);
      this.refresh();
    });
    this.field.addEventListener("keydown", (event) => {
      // While an input method composes a word, Enter belongs to it.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    this.field.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
    new ResizeObserver(() => this.grow()).observe(this.element);
  }

  private submit(): void {
    if (this.sendButton.disabled) return;
    const files = this.chosen.flatMap(({ sent }) => (sent ? [sent] : []));
    this.actions.send(this.field.value, files);
    this.field.value = "";
    this.chosen = [];
    this.chips.replaceChildren();
    this.say("");
    this.actions.draft("");
    this.refresh();
    this.focus();
  }

  private add(files: readonly File[]): void {
    for (const file of files.slice(0, MOST_FILES - this.chosen.length)) {
      if (file.size > LARGEST_BYTES) this.say(this.words.say("file_too_large", { name: file.name }));
      else void this.upload(file);
    }
    this.focus();
  }

  private async upload(file: File): Promise<void> {
    const remove = iconButton("close", this.words.say("remove_file", { name: file.name }));
    const chip = make("li", { class: "chip going", "aria-label": this.words.say("file_sending", { name: file.name }) });
    chip.append(icon("file"), make("bdi", {}, file.name), remove);
    const chosen: Chosen = { chip, sent: null };
    remove.addEventListener("click", () => this.remove(chosen));
    this.chosen.push(chosen);
    this.chips.append(chip);
    this.say("");
    try {
      chosen.sent = { ...(await this.actions.upload(file)), name: file.name };
      chip.classList.remove("going");
      chip.removeAttribute("aria-label");
    } catch (error) {
      if (!(error instanceof DoorError)) throw error;
      this.remove(chosen);
      this.say(this.words.say(error.code === "file_type" ? "file_refused" : "file_failed", { name: file.name }));
    }
    this.refresh();
  }

  private remove(chosen: Chosen): void {
    this.chosen = this.chosen.filter((other) => other !== chosen);
    chosen.chip.remove();
    this.refresh();
    this.focus();
  }

  private say(problem: string): void {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
  }

  private refresh(): void {
    const isGoing = this.chosen.some(({ sent }) => !sent);
    this.sendButton.disabled = isGoing || !(this.field.value.trim() || this.chosen.length);
    this.chips.hidden = this.chosen.length === 0;
    this.grow();
  }

  /** As many lines as the text has; the style sheet sets the most. No inline style: the policy forbids it. */
  private grow(): void {
    this.field.rows = 1;
    const style = getComputedStyle(this.field);
    const padding = Number.parseFloat(style.paddingTop) + Number.parseFloat(style.paddingBottom);
    const lines = Math.round((this.field.scrollHeight - padding) / Number.parseFloat(style.lineHeight));
    this.field.rows = Math.min(6, Math.max(1, lines));
  }
}
