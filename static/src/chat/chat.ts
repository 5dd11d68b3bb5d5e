// The chat page: wires memory, doors, courier, stream and screen together.
import "../tokens.css";
import "./chat.css";
import { delayMs } from "./backoff.ts";
import { Courier } from "./courier.ts";
import { DoorError, Doors } from "./doors.ts";
import { onHost, tellHost, userOfHost, isFramed } from "./host.ts";
import { Memory, storeOfPage } from "./memory.ts";
import { Screen } from "./screen.ts";
import { NO_CONVERSATION, type Conversation, type SentFile, type Unsent, type Visit } from "./shapes.ts";
import { Stream } from "./stream.ts";
import * as transcripts from "./transcript.ts";
import { Words } from "./words.ts";

const OTHER_TAB_MS = 3_000;

class Chat {
  private readonly words: Words;
  private readonly memory: Memory;
  private readonly doors: Doors;
  private readonly screen: Screen;
  private readonly courier: Courier;
  private readonly stream: Stream;
  private transcript = transcripts.EMPTY;
  private conversation: Conversation = NO_CONVERSATION;
  private visitor = "";
  private isShown = !isFramed;
  private isStarted = false;
  private failures = 0;
  private receipt = { upTo: 0, isRead: false };
  private receiptTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly known: Promise<void>; // until the server has said who the visitor is
  private isKnown: () => void = () => undefined;

  constructor(root: HTMLElement, number: string, title: string, language: string, greeting: string) {
    this.known = new Promise((resolve) => (this.isKnown = resolve));
    this.words = new Words(language, navigator.languages);
    this.memory = new Memory(storeOfPage(), number);
    this.doors = new Doors(number, navigator.language || language);
    this.screen = new Screen(root, this.words, title, greeting, this.memory.draft, {
      send: (text, files) => this.write(text, "", files),
      choose: (choice) => this.write(choice.label, choice.id, []),
      upload: (content) => this.known.then(() => this.doors.upload(content)),
      draft: (text) => (this.memory.draft = text),
      tryAgain: (key) => this.tryAgain(key),
      delete: (key) => this.delete(key),
      showOlder: () => this.showOlder(),
      seen: () => this.noteSeen(),
      tryVisit: () => void this.begin(),
    });
    this.courier = new Courier({
      next: () => this.memory.unsent(this.visitor).find((unsent) => !unsent.refusal),
      send: (unsent) => this.doors.send(unsent),
      accepted: (unsent, answer) => {
        this.memory.forget(this.visitor, unsent.key);
        this.transcript = transcripts.accepted(this.transcript, unsent, answer);
        if (answer.shortened) this.screen.showNotice(this.words.say("shortened"));
        if (answer.conversation !== this.conversation.reference) this.stream.again(); // it can be waited for now
        this.show();
      },
      refused: (unsent, error) => this.keep({ ...unsent, refusal: this.sentence(error) }),
      changed: () => this.show(),
      renew: () => this.renew(),
    });
    this.stream = new Stream({
      ticket: () => this.doors.ticket(),
      lastId: () => transcripts.lastId(this.transcript),
      message: (message) => {
        if (message.key) this.memory.forget(this.visitor, message.key);
        this.transcript = transcripts.received(this.transcript, [message]);
        this.show();
      },
      conversation: (conversation) => {
        this.conversation = conversation;
        this.screen.showConversation(conversation);
      },
      connected: (isConnected) => {
        this.screen.showConnected(isConnected && navigator.onLine);
        if (isConnected && this.courier.isHeldUp) void this.carry();
      },
      renew: () => this.renew(),
    });
  }

  /** Begins the visit; while there is no connection it tries for ever. */
  async begin(): Promise<void> {
    try {
      await this.visit();
      this.screen.clearRefusal();
      this.screen.showConnected(true);
      this.start();
    } catch (error) {
      if (!(error instanceof DoorError)) throw error;
      if (!error.isPassing) {
        this.screen.showRefusal(this.sentence(error));
        return;
      }
      this.failures += 1;
      this.screen.showConnected(false);
      setTimeout(() => void this.begin(), Math.max(error.retryAfterMs, delayMs(this.failures, Math.random())));
    }
  }

  private async visit(): Promise<void> {
    const user = userOfHost();
    if (user) {
      try {
        const visit = await this.doors.visit("", user);
        if (userOfHost() !== user) return this.visit(); // the site signed somebody else in meanwhile
        this.enter(visit);
        this.screen.showNotice("");
        return;
      } catch (error) {
        if (!(error instanceof DoorError) || !error.code.startsWith("identity_")) throw error;
        console.warn(`Patchbay chat: ${error.message}`);
        this.screen.showNotice(this.words.say("guest"));
      }
    }
    // Two tabs that open at once must not become two visitors; see readOtherTab for what a lock cannot keep apart.
    await locked("patchbay-visit", async () => {
      const visit = await this.doors.visit(this.memory.token, "");
      this.memory.keepGuest(visit.visitor, visit.token);
      if (userOfHost() === user) this.enter(visit);
    });
    if (userOfHost() !== user) await this.visit();
  }

  private enter(visit: Visit): void {
    this.doors.token = visit.token;
    if (visit.visitor !== this.visitor) this.transcript = transcripts.EMPTY;
    this.visitor = visit.visitor;
    this.memory.adopt(this.visitor);
    this.isKnown();
    this.transcript = { ...transcripts.received(this.transcript, visit.messages), more: this.transcript.more || visit.more };
    for (const message of visit.messages) if (message.key) this.memory.forget(this.visitor, message.key);
    for (const unsent of this.memory.unsent(this.visitor)) this.transcript = transcripts.written(this.transcript, unsent);
    this.conversation = visit.conversation;
    this.screen.showConversation(visit.conversation);
    this.show();
  }

  private start(): void {
    if (!this.isStarted) {
      this.isStarted = true;
      this.stream.start();
      addEventListener("online", () => void this.carry());
      addEventListener("offline", () => this.screen.showConnected(false));
      addEventListener("storage", (event) => this.readOtherTab(event.key));
      document.addEventListener("visibilitychange", () => this.show());
      tellHost({ patchbay: "ready" });
    }
    void this.carry();
  }

  /** Sends what there is, once the visitor is known. */
  private async carry(): Promise<void> {
    await this.known;
    await this.courier.go();
  }

  private async renew(): Promise<void> {
    try {
      await this.visit();
      void this.carry();
    } catch (error) {
      if (!(error instanceof DoorError)) throw error;
      if (!error.isPassing) this.screen.showRefusal(this.sentence(error));
    }
  }

  private write(text: string, choice: string, files: SentFile[]): void {
    const key = crypto.randomUUID?.() ?? uuidOf(crypto.getRandomValues(new Uint8Array(16)));
    this.keep({ key, text, choice, files, at: new Date().toISOString(), refusal: "" });
    this.screen.log.scrollToEnd();
    if (choice) this.screen.composer.focus();
    void this.carry();
  }

  private keep(unsent: Unsent): void {
    this.memory.keep(this.visitor, unsent);
    this.transcript = transcripts.written(this.transcript, unsent);
    this.show();
  }

  private tryAgain(key: string): void {
    const unsent = this.transcript.unsent.find((other) => other.key === key);
    if (unsent?.refusal) this.keep({ ...unsent, refusal: "" });
    void this.carry();
  }

  private delete(key: string): void {
    this.memory.forget(this.visitor, key);
    this.transcript = transcripts.without(this.transcript, key);
    this.show();
    this.screen.composer.focus();
  }

  /** Another tab wrote, sent or deleted a message, or became another guest: storage reaches other tabs a bit late. */
  private readOtherTab(name: string | null): void {
    const isOtherGuest = this.memory.isGuest(name) && this.memory.guest !== this.visitor;
    if (isOtherGuest && this.visitor.startsWith("visitor:")) void this.changeUser();
    if (!this.memory.isUnsent(name)) return;
    const kept = this.memory.unsent(this.visitor);
    const keys = new Set(kept.map((unsent) => unsent.key));
    for (const unsent of kept) this.transcript = transcripts.written(this.transcript, unsent);
    // What it sent comes by the stream; until then it stays on screen here, unless it was refused and deleted.
    for (const unsent of this.transcript.unsent) {
      if (!keys.has(unsent.key) && unsent.refusal) this.transcript = transcripts.without(this.transcript, unsent.key);
    }
    this.show();
    setTimeout(() => {
      void this.carry(); // it may have been closed before it could send
      if (!this.conversation.reference) this.stream.again(); // there is a conversation now, which can be waited for
    }, OTHER_TAB_MS);
  }

  private async showOlder(): Promise<void> {
    const first = this.transcript.messages[0];
    if (!first) return;
    try {
      const page = await this.doors.older(first.id);
      this.transcript = transcripts.withOlder(this.transcript, page.messages, page.more);
      this.show();
    } catch (error) {
      if (!(error instanceof DoorError)) throw error; // the button stays, and the banner says that there is no connection
    }
  }

  private show(): void {
    this.screen.show(transcripts.entries(this.transcript, this.courier.isHeldUp), this.transcript.more);
    this.noteSeen();
  }

  /** Tells server and host page what was seen: our messages reached the page, or were in sight. */
  private noteSeen(): void {
    const last = this.transcript.messages.findLast((message) => message.from !== "contact")?.id ?? 0;
    const isRead = this.isShown && !document.hidden && this.screen.log.isAtEnd;
    if (isRead && last > this.memory.seen(this.visitor)) this.memory.see(this.visitor, last);
    const count = transcripts.newSince(this.transcript, this.memory.seen(this.visitor));
    tellHost({ patchbay: "unread", count });
    document.title = document.title.replace(/^\(\d+\) /, "");
    if (count) document.title = `(${count}) ${document.title}`;
    if (!last || (last <= this.receipt.upTo && (this.receipt.isRead || !isRead))) return;
    this.receipt = { upTo: last, isRead };
    clearTimeout(this.receiptTimer);
    this.receiptTimer = setTimeout(() => void this.doors.receipt(last, isRead).catch(ignoreDoor), 1000);
  }

  private sentence(error: DoorError): string {
    return this.words.sayIfKnown(error.code) ?? (error.message || this.words.say("unavailable"));
  }

  /** The host page signed somebody in. */
  async changeUser(): Promise<void> {
    if (!this.isStarted) return this.begin();
    await this.renew();
    this.stream.again();
  }

  /** The panel was opened or closed by the host page. */
  shown(isShown: boolean): void {
    this.isShown = isShown;
    if (isShown) this.screen.composer.focus();
    this.show();
  }
}

/** A receipt that is lost is told again with the next one. */
function ignoreDoor(error: unknown): void {
  if (!(error instanceof DoorError)) throw error;
}

async function locked(name: string, action: () => Promise<void>): Promise<void> {
  if (!("locks" in navigator)) return action(); // plain http on another machine
  await navigator.locks.request(name, action);
}

/** RFC 9562 §5.4, where the page is not a secure context and has no randomUUID. */
function uuidOf(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte, index) => {
    const value = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte;
    return value.toString(16).padStart(2, "0");
  });
  return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const root = document.getElementById("chat");
if (root) {
  const { number = "", title = "", language = "en", greeting = "" } = root.dataset;
  const chat = new Chat(root, number, title, language, greeting);
  onHost((isShown) => chat.shown(isShown));
  addEventListener("hashchange", () => void chat.changeUser());
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) tellHost({ patchbay: "close" });
  });
  void chat.begin();
}
