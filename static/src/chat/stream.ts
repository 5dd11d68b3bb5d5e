// The live stream: a ticket, then /updates; comes back for ever after anything breaks it, and after the machine slept.
import { delayMs } from "./backoff.ts";
import { DoorError } from "./doors.ts";
import { read, type Conversation, type Message } from "./shapes.ts";

export type Listener = {
  ticket(): Promise<string>;
  lastId(): number;
  message(message: Message): void;
  conversation(conversation: Conversation): void;
  /** Whether we hear the server. */
  connected(isConnected: boolean): void;
  /** The token is not valid any more. */
  renew(): Promise<void>;
};

const SILENCE_MS = 40_000; // the server says something every 15 s
const LOOK_MS = 5_000;
const HIDDEN_MS = 60_000; // browsers allow six connections to one server: hidden tabs give theirs back

export class Stream {
  private source: EventSource | null = null;
  private opening = false;
  private failures = 0;
  private heardAt = 0;
  private lookedAt = Date.now();
  private hiddenAt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly listener: Listener) {}

  /** Opens the stream and keeps it. */
  start(): void {
    setInterval(() => this.look(), LOOK_MS);
    addEventListener("online", () => this.again());
    addEventListener("pageshow", () => this.again());
    document.addEventListener("visibilitychange", () => {
      this.hiddenAt = document.hidden ? Date.now() : 0;
      if (!document.hidden && !this.isFresh()) this.again();
    });
    void this.open();
  }

  /** Closes what there is and opens a new one at once: it begins with all that was missed. */
  again(): void {
    this.close();
    this.failures = 0;
    void this.open();
  }

  private look(): void {
    const now = Date.now();
    const slept = now - this.lookedAt > LOOK_MS + 15_000;
    this.lookedAt = now;
    if (this.hiddenAt && now - this.hiddenAt > HIDDEN_MS) this.close();
    else if (slept || (this.source && !this.isFresh())) this.again();
  }

  private isFresh(): boolean {
    return this.source !== null && Date.now() - this.heardAt < SILENCE_MS;
  }

  private async open(): Promise<void> {
    if (this.source || this.opening) return;
    this.opening = true;
    try {
      const ticket = await this.listener.ticket();
      this.listen(new EventSource(`/updates?ticket=${encodeURIComponent(ticket)}&after=${this.listener.lastId()}`));
    } catch (error) {
      if (!(error instanceof DoorError)) throw error;
      if (error.status === 401) await this.listener.renew();
      this.fail(error.retryAfterMs);
    } finally {
      this.opening = false;
    }
  }

  private listen(source: EventSource): void {
    this.source = source;
    this.heardAt = Date.now();
    const on = (name: string, action: (text: string) => void): void => {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        this.heard();
        action(event.data);
      });
    };
    source.addEventListener("open", () => this.heard());
    source.addEventListener("error", () => {
      if (this.source !== source) return;
      this.close();
      this.fail(0);
    });
    on("message", (text) => this.listener.message(read<Message>(text)));
    on("conversation", (text) => this.listener.conversation(read<Conversation>(text)));
    on("beat", () => undefined);
  }

  private heard(): void {
    this.heardAt = Date.now();
    this.failures = 0;
    this.listener.connected(true);
  }

  private fail(leastMs: number): void {
    this.failures += 1;
    if (this.failures > 1) this.listener.connected(false); // a server that restarts is back before anyone reads a banner
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.open(), Math.max(leastMs, delayMs(this.failures, Math.random())));
  }

  private close(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }
}
