// The whole page: head, banner, log, typing dots, composer.
import { Composer, type ComposerActions } from "./composer.ts";
import { iconButton, make } from "./elements.ts";
import type { EntryActions } from "./entry.ts";
import { isFramed, tellHost } from "./host.ts";
import { Log } from "./log.ts";
import type { Conversation } from "./shapes.ts";
import type { Entry } from "./transcript.ts";
import type { Words } from "./words.ts";

export type ScreenActions = EntryActions & ComposerActions & { showOlder(): Promise<void>; seen(): void; tryVisit(): void };

export class Screen {
  readonly log: Log;
  readonly composer: Composer;
  private readonly reference: HTMLElement;
  private readonly banner: HTMLElement;
  private readonly notice: HTMLElement;
  private readonly typing: HTMLElement;

  constructor(
    private readonly root: HTMLElement,
    private readonly words: Words,
    private readonly title: string,
    greeting: string,
    draft: string,
    private readonly actions: ScreenActions,
  ) {
    this.reference = make("p", { class: "reference" });
    this.banner = make("div", { class: "banner", role: "status" });
    this.notice = make("div", { class: "notice", role: "status" });
    this.typing = make("div", { class: "typing", role: "status" });
    this.log = new Log(words, title, greeting, actions);
    this.composer = new Composer(words, draft, actions);
    const head = make("header", { class: "head" }, make("span", { class: "avatar", "aria-hidden": "true" }, initials(title)));
    head.append(make("div", { class: "names" }, make("h1", { dir: "auto", title }, title), this.reference));
    if (isFramed) {
      const close = iconButton("close", words.say("close_chat"));
      close.addEventListener("click", () => tellHost({ patchbay: "close" }));
      head.append(close);
    }
    const middle = make("div", { class: "middle" }, this.log.element, this.log.newestButton);
    root.replaceChildren(head, this.banner, this.notice, middle, this.typing, this.composer.element);
    root.classList.add("chat");
  }

  show(entries: readonly Entry[], more: boolean): void {
    this.log.show(entries, more);
  }

  showConversation({ reference, typing }: Conversation): void {
    const text = reference ? this.words.say("reference", { reference }) : "";
    if (this.reference.textContent !== text) this.reference.textContent = text;
    const isShown = this.typing.childElementCount > 0;
    if (typing === isShown) return;
    const dots = [1, 2, 3].map(() => make("span", { class: "dot", "aria-hidden": "true" }));
    const said = make("span", { class: "heard" }, this.words.say("typing", { name: this.title }));
    this.typing.replaceChildren(...(typing ? [...dots, said] : []));
  }

  showConnected(isConnected: boolean): void {
    this.write(this.banner, isConnected ? "" : this.words.say("offline"));
  }

  /** Something the visitor should know, until the next one. */
  showNotice(text: string): void {
    this.write(this.notice, text);
  }

  /** Nothing works; the sentence says why. */
  showRefusal(text: string): void {
    const again = make("button", { type: "button", class: "button" }, this.words.say("try_again"));
    again.addEventListener("click", () => this.actions.tryVisit());
    this.root.querySelector(".away")?.remove();
    this.root.append(make("div", { class: "away", role: "alert" }, make("p", {}, text), again));
    this.root.classList.toggle("is-away", true);
  }

  clearRefusal(): void {
    this.root.querySelector(".away")?.remove();
    this.root.classList.toggle("is-away", false);
  }

  private write(element: HTMLElement, text: string): void {
    if (element.textContent !== text) element.textContent = text;
  }
}

/** The first letters of the first two words, as people see letters. */
export function initials(name: string): string {
  const first = (word: string): string => [...new Intl.Segmenter().segment(word)][0]?.segment ?? "";
  return name.split(/\s+/).filter(Boolean).slice(0, 2).map(first).join("").toLocaleUpperCase();
}
