// The script of one tag on any site: a button, and a panel with the chat page in a frame (docs/web-chat.md).
//   <script src="https://patchbay.example.com/chat/embed.js" data-number="website" async></script>
import { icon, make } from "./elements.ts";
import type { FrameMessage, HostMessage } from "./host.ts";
import { plan } from "./embed_plan.ts";
import style from "./panel.css?inline";
import { Words } from "./words.ts";

declare global {
  interface Window {
    /** For the site's own scripts. */
    PatchbayChat?: { open(): void; close(): void; identify(user: string): void };
  }
}

class Panel {
  private readonly button: HTMLButtonElement;
  private readonly panel: HTMLElement;
  private readonly count: HTMLElement;
  private frame: HTMLIFrameElement | null = null;
  private isReady = false;

  constructor(
    private readonly origin: string,
    private address: (user: string) => string,
    private user: string,
    private readonly words: Words,
    private readonly openedName: string,
  ) {
    this.count = make("span", { class: "count", hidden: true, "aria-hidden": "true" });
    this.button = make("button", { type: "button", class: "button", "aria-expanded": "false" }, icon("chat"), this.count);
    this.panel = make("div", { class: "panel", role: "dialog", "aria-label": words.say("conversation"), hidden: true });
    this.button.addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
    addEventListener("message", (event: MessageEvent<unknown>) => this.hear(event));
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.panel.hidden && event.composedPath().includes(this.button)) this.close();
    });
    this.tell(0);
  }

  mount(): void {
    const host = make("div", { "data-patchbay-chat": true, lang: this.words.language });
    const root = host.attachShadow({ mode: "open" });
    // A constructed sheet is allowed where the site's policy forbids style elements.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    root.append(this.panel, this.button);
    document.body.append(host);
    // Whoever has written before is told of answers without opening the panel.
    if (remembered(this.openedName)) this.load();
  }

  open(): void {
    this.load();
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    remember(this.openedName);
    this.tell(0);
    this.frame?.focus();
    this.say({ patchbay: "shown" });
  }

  close(): void {
    const wasOpen = !this.panel.hidden;
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    this.tell(0);
    this.say({ patchbay: "hidden" });
    if (wasOpen) this.button.focus();
  }

  /** The site signed in or out: the frame hears of a changed # without loading anew. */
  identify(user: string): void {
    this.user = user;
    if (this.frame) this.frame.src = this.address(user);
  }

  private load(): void {
    if (this.frame) return;
    this.frame = make("iframe", { title: this.words.say("conversation"), src: this.address(this.user), allow: "clipboard-write" });
    this.panel.append(this.frame);
  }

  private hear(event: MessageEvent<unknown>): void {
    if (event.origin !== this.origin || !this.frame || event.source !== this.frame.contentWindow) return;
    const data = event.data as Partial<FrameMessage> & { count?: unknown };
    if (data.patchbay === "ready") {
      this.isReady = true;
      if (!this.panel.hidden) this.say({ patchbay: "shown" });
    }
    if (data.patchbay === "close") this.close();
    if (data.patchbay === "unread" && typeof data.count === "number" && this.panel.hidden) this.tell(data.count);
  }

  private say(message: HostMessage): void {
    if (this.isReady) this.frame?.contentWindow?.postMessage(message, this.origin);
  }

  private tell(count: number): void {
    const label = !this.panel.hidden
      ? this.words.say("close_chat")
      : count
        ? this.words.say("open_chat_unread", { count })
        : this.words.say("open_chat");
    this.button.setAttribute("aria-label", label);
    this.button.title = label;
    this.count.hidden = !count;
    this.count.textContent = count > 99 ? "99+" : String(count);
  }
}

function remembered(name: string): boolean {
  try {
    return localStorage.getItem(name) !== null;
  } catch {
    return false;
  }
}

function remember(name: string): void {
  try {
    localStorage.setItem(name, "1");
  } catch {
    // Without storage the next page only does not look for answers by itself.
  }
}

const tag = document.currentScript;
if (tag instanceof HTMLScriptElement && !window.PatchbayChat) {
  const { origin, address, language, user, openedName } = plan(tag.src, tag.dataset, document.documentElement.lang || navigator.language);
  const panel = new Panel(origin, address, user, new Words(language), openedName);
  window.PatchbayChat = { open: () => panel.open(), close: () => panel.close(), identify: (next) => panel.identify(next) };
  if (document.body) panel.mount();
  else addEventListener("DOMContentLoaded", () => panel.mount());
}
