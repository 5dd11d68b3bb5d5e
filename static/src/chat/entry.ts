// Draws one line of the log: a message with its files, choices, time and state.
import { heard, icon, make, type IconName } from "./elements.ts";
import { parts } from "./links.ts";
import type { Attachment, Choice } from "./shapes.ts";
import type { Entry } from "./transcript.ts";
import type { Word, Words } from "./words.ts";

export type EntryActions = {
  choose(choice: Choice): void;
  tryAgain(key: string): void;
  delete(key: string): void;
};

const STATES: Readonly<Record<string, readonly [IconName, Word]>> = {
  sending: ["clock", "state_sending"],
  waiting: ["clock", "state_waiting"],
  refused: ["alert", "state_refused"],
  received: ["check", "state_received"],
  read: ["checks", "state_read"],
};
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** One entry on screen. It is changed in place, so that a screen reader hears a message once, not with every state. */
export class EntryView {
  element: HTMLElement;
  private content = "";
  private choices: ChoiceButtons | null = null;
  private footer: HTMLElement;

  constructor(
    private entry: Entry,
    private readonly name: string,
    private readonly words: Words,
    private readonly actions: EntryActions,
  ) {
    this.footer = make("div", { class: "footer", "aria-live": "off" });
    this.element = make("article");
    this.draw();
  }

  /** Shows what changed. */
  update(entry: Entry): void {
    if (JSON.stringify(entry) === JSON.stringify(this.entry)) return;
    this.entry = entry;
    this.draw();
  }

  private draw(): void {
    const { entry } = this;
    const isOwn = entry.from === "contact";
    const group = `${entry.startsGroup ? " starts" : ""}${entry.endsGroup ? " ends" : ""}`;
    this.element.className = `entry ${isOwn ? "own" : "theirs"}${group} ${entry.state}`;
    const content = JSON.stringify([entry.text, entry.media, entry.choices]);
    if (content !== this.content) {
      this.content = content;
      this.choices = entry.choices.length ? new ChoiceButtons(entry, this.words, this.actions) : null;
      this.element.replaceChildren(
        heard(`${isOwn ? this.words.say("you") : this.name}: `),
        ...(entry.text ? [bubble(entry.text)] : []),
        ...entry.media.map((file) => attachment(file, this.words)),
        ...(this.choices ? [this.choices.element] : []),
        this.footer,
      );
    }
    this.choices?.update(entry);
    const showsFooter = entry.endsGroup || ["sending", "waiting", "refused"].includes(entry.state);
    this.footer.hidden = !showsFooter;
    this.footer.replaceChildren(...(showsFooter ? footer(entry, isOwn, this.words, this.actions) : []));
  }
}

/** The buttons of a message's choices: open until the visitor has answered, then one of them is marked. */
class ChoiceButtons {
  readonly element: HTMLElement;
  private readonly buttons = new Map<Choice, HTMLButtonElement>();

  constructor(
    entry: Entry,
    private readonly words: Words,
    actions: EntryActions,
  ) {
    this.element = make("ul", { class: "choices", "aria-label": words.say("answers") });
    for (const choice of entry.choices) {
      const button = make("button", { type: "button", class: "choice", dir: "auto" }, make("span", {}, choice.label));
      button.addEventListener("click", () => actions.choose(choice));
      this.buttons.set(choice, button);
      this.element.append(make("li", {}, button));
    }
  }

  update(entry: Entry): void {
    for (const [choice, button] of this.buttons) {
      button.disabled = !entry.canChoose;
      const isChosen = !entry.canChoose && choice.label === entry.chosen;
      if (isChosen && !button.classList.contains("chosen")) {
        button.prepend(icon("check"), heard(`${this.words.say("chosen")}: `));
      }
      button.classList.toggle("chosen", isChosen);
    }
  }
}

function bubble(text: string): HTMLElement {
  const element = make("div", { class: "bubble", dir: "auto" });
  for (const part of parts(text)) {
    element.append(
      part.href ? make("a", { href: part.href, target: "_blank", rel: "noopener noreferrer nofollow" }, part.text) : part.text,
    );
  }
  return element;
}

function attachment(file: Attachment, words: Words): HTMLElement {
  const name = file.name || words.say("a_file");
  if (!file.url) return make("div", { class: "file" }, icon("file"), make("bdi", {}, name));
  // Only our own files are shown: a picture of another server would tell it who looks.
  const isShown = file.url.startsWith("/") && PICTURES.includes(file.media_type);
  const content = isShown
    ? [make("img", { src: file.url, alt: name, loading: "lazy" })]
    : [icon("file"), make("bdi", {}, name), ...(file.size_bytes ? [sizeOf(file.size_bytes, words.locale)] : [])];
  const attributes = { class: isShown ? "picture" : "file", href: file.url, title: words.say("download", { name }) };
  const outside = file.url.startsWith("/") ? { download: name } : { target: "_blank", rel: "noopener noreferrer nofollow" };
  return make("a", { ...attributes, ...outside }, ...content);
}

function footer(entry: Entry, isOwn: boolean, words: Words, actions: EntryActions): HTMLElement[] {
  const at = new Date(entry.at);
  const time = new Intl.DateTimeFormat(words.locale, { hour: "2-digit", minute: "2-digit" }).format(at);
  const exact = new Intl.DateTimeFormat(words.locale, { dateStyle: "full", timeStyle: "medium" }).format(at);
  const found: HTMLElement[] = [make("time", { datetime: entry.at, title: exact }, time)];
  const state = isOwn ? STATES[entry.state] : undefined;
  if (!state) return found;
  const label = words.say(state[1]);
  const isTrouble = entry.state === "waiting" || entry.state === "refused";
  found.push(make("span", { class: "state", title: label }, icon(state[0]), isTrouble ? label : heard(label)));
  if (isTrouble) found.push(textButton(words.say("try_again"), () => actions.tryAgain(entry.key)));
  if (entry.state === "refused") found.push(textButton(words.say("delete"), () => actions.delete(entry.key)));
  if (entry.refusal) found.push(make("p", { class: "refusal", role: "alert" }, entry.refusal));
  return found;
}

function textButton(label: string, action: () => void): HTMLButtonElement {
  const button = make("button", { type: "button", class: "text-button" }, label);
  button.addEventListener("click", action);
  return button;
}

function sizeOf(bytes: number, locale: string): HTMLElement {
  const [value, unit] = bytes < 1_000_000 ? [Math.max(1, bytes / 1000), "kilobyte"] : [bytes / 1_000_000, "megabyte"];
  const digits = unit === "kilobyte" ? 0 : 1;
  const text = new Intl.NumberFormat(locale, { style: "unit", unit, maximumFractionDigits: digits }).format(value);
  return make("span", { class: "size" }, text);
}
