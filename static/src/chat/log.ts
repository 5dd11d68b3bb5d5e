// Shows the log: keeps the elements of entries that did not change, follows the end, and keeps its place otherwise.
import { iconButton, make } from "./elements.ts";
import { EntryView, type EntryActions } from "./entry.ts";
import type { Entry } from "./transcript.ts";
import type { Words } from "./words.ts";

const NEAR_END_PX = 80;

export class Log {
  readonly element: HTMLElement;
  private readonly list: HTMLElement;
  private readonly older: HTMLButtonElement;
  private readonly newest: HTMLButtonElement;
  private readonly hello: HTMLElement;
  private readonly views = new Map<string, EntryView>();
  private readonly days = new Map<string, HTMLElement>();
  private follows = true;

  constructor(
    private readonly words: Words,
    private readonly name: string,
    greeting: string,
    private readonly actions: EntryActions & { showOlder(): Promise<void>; seen(): void },
  ) {
    this.older = make("button", { type: "button", class: "text-button older", hidden: true }, words.say("older"));
    this.older.addEventListener("click", () => void this.showOlder());
    this.hello = make(
      "div",
      { class: "hello", hidden: true },
      make("p", { class: "greeting", dir: "auto" }, greeting || words.say("greeting")),
      make("p", { class: "quiet" }, words.say("greeting_hint")),
    );
    const shape = ["theirs", "own", "theirs long"].map((side) => make("div", { class: `shape ${side}` }));
    this.list = make("div", { class: "entries" }, make("div", { class: "shapes", "aria-hidden": "true" }, ...shape));
    this.element = make(
      "div",
      { class: "log", role: "log", "aria-live": "off", "aria-busy": "true", tabindex: "0", "aria-label": words.say("conversation") },
      this.older,
      this.hello,
      this.list,
    );
    this.newest = iconButton("down", words.say("newest"), { class: "icon-button newest", hidden: true });
    this.newest.addEventListener("click", () => this.scrollToEnd());
    this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.follow()).observe(this.element);
    // A picture that has loaded makes the list longer.
    this.list.addEventListener("load", () => this.follow(), true);
  }

  /** The button that leads to the end; it stands outside the log, which scrolls. */
  get newestButton(): HTMLElement {
    return this.newest;
  }

  /** Whether the newest message is in sight. */
  get isAtEnd(): boolean {
    return this.follows;
  }

  /** Shows the entries. */
  show(entries: readonly Entry[], more: boolean): void {
    const wasTall = this.element.scrollHeight;
    const wasAt = this.element.scrollTop;
    const firstBefore = this.list.querySelector("article");
    this.older.hidden = !more;
    this.hello.hidden = entries.length > 0;
    this.place(entries);
    const grewAbove = firstBefore !== null && firstBefore !== this.list.querySelector("article");
    if (this.follows) this.follow();
    else if (grewAbove) this.element.scrollTop = wasAt + (this.element.scrollHeight - wasTall);
    // What stands here at first was said before: only what comes from now on is announced.
    if (this.element.getAttribute("aria-busy") === "true") {
      this.element.setAttribute("aria-busy", "false");
      setTimeout(() => this.element.setAttribute("aria-live", "polite"), 500);
    }
  }

  scrollToEnd(): void {
    this.follows = true;
    this.follow();
    this.scrolled();
  }

  private place(entries: readonly Entry[]): void {
    const wanted: HTMLElement[] = [];
    const shown = new Set<string>();
    for (const entry of entries) {
      if (entry.startsDay) wanted.push(this.heading(entry.at, shown));
      wanted.push(this.view(entry, shown));
    }
    for (const known of [this.views, this.days]) {
      for (const id of known.keys()) if (!shown.has(id)) known.delete(id);
    }
    const wantedNow = new Set<Element>(wanted);
    for (const element of [...this.list.children]) if (!wantedNow.has(element)) element.remove();
    let here: Element | null = this.list.firstElementChild;
    for (const element of wanted) {
      if (element === here) here = here.nextElementSibling;
      else this.list.insertBefore(element, here);
    }
  }

  private view(entry: Entry, shown: Set<string>): HTMLElement {
    shown.add(entry.id);
    const known = this.views.get(entry.id);
    known?.update(entry);
    const view = known ?? new EntryView(entry, this.name, this.words, this.actions);
    this.views.set(entry.id, view);
    return view.element;
  }

  private heading(at: string, shown: Set<string>): HTMLElement {
    const id = `day ${new Date(at).toDateString()}`;
    shown.add(id);
    const element = this.days.get(id) ?? this.day(at);
    this.days.set(id, element);
    return element;
  }

  private day(at: string): HTMLElement {
    const date = new Date(at);
    const today = new Date();
    const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
    const format = new Intl.DateTimeFormat(this.words.locale, { dateStyle: "long" });
    const text =
      date.toDateString() === today.toDateString()
        ? this.words.say("today")
        : date.toDateString() === yesterday.toDateString()
          ? this.words.say("yesterday")
          : format.format(date);
    return make("h2", { class: "day" }, text);
  }

  private follow(): void {
    if (this.follows) this.element.scrollTop = this.element.scrollHeight;
  }

  private scrolled(): void {
    const left = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight;
    this.follows = left < NEAR_END_PX;
    this.newest.hidden = this.follows;
    if (this.follows) this.actions.seen();
  }

  private async showOlder(): Promise<void> {
    this.older.disabled = true;
    this.older.textContent = this.words.say("loading_older");
    this.element.setAttribute("aria-live", "off");
    this.follows = false;
    await this.actions.showOlder();
    this.older.disabled = false;
    this.older.textContent = this.words.say("older");
    setTimeout(() => this.element.setAttribute("aria-live", "polite"), 500);
  }
}
