// The chat's JSON doors. Every failure is a DoorError that says whether trying again makes sense.
import { read, type Accepted, type Page, type SentFile, type Unsent, type Uploaded, type Visit } from "./shapes.ts";

/** A door refused, or nothing answered (status 0). */
export class DoorError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    sentence: string,
    readonly retryAfterMs: number,
  ) {
    super(sentence);
  }

  /** Nothing is wrong with what was sent: the same may be taken later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

export class Doors {
  token = "";

  constructor(
    private readonly number: string,
    private readonly language: string,
  ) {}

  visit(token: string, user: string): Promise<Visit> {
    return this.post<Visit>("visits", user ? { user } : { token });
  }

  async ticket(): Promise<string> {
    return (await this.post<{ ticket: string }>("tickets", {})).ticket;
  }

  older(before: number): Promise<Page> {
    return this.ask<Page>(`messages?before=${before}`, { method: "GET" });
  }

  send(unsent: Unsent): Promise<Accepted> {
    const files = unsent.files.map(({ file, name }: SentFile) => ({ file, name }));
    const { key, text, choice } = unsent;
    return this.post<Accepted>("messages", { key, text, choice, files, language: this.language });
  }

  upload(content: Blob): Promise<Uploaded> {
    return this.ask<Uploaded>("files", { method: "POST", body: content, headers: { "Content-Type": "application/octet-stream" } }, 120_000);
  }

  async receipt(upTo: number, isRead: boolean): Promise<void> {
    await this.post("receipts", { up_to: upTo, read: isRead });
  }

  private post<T>(door: string, body: object): Promise<T> {
    return this.ask<T>(door, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  }

  private async ask<T>(door: string, request: RequestInit, limitMs = 20_000): Promise<T> {
    const headers = new Headers(request.headers);
    if (this.token) headers.set("Authorization", `Bearer ${this.token}`);
    const signal = AbortSignal.timeout(limitMs);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`/chat/${encodeURIComponent(this.number)}/${door}`, { ...request, headers, signal });
      text = await response.text();
    } catch {
      throw new DoorError(0, "no_connection", "There is no connection.", 0);
    }
    if (response.ok) return read<T>(text);
    throw errorOf(response, text);
  }
}

function errorOf(response: Response, text: string): DoorError {
  const retryAfterMs = 1000 * (Number(response.headers.get("Retry-After")) || 0);
  try {
    const { code, error } = read<{ code?: string; error?: string }>(text);
    return new DoorError(response.status, code ?? "", error ?? "", retryAfterMs);
  } catch {
    return new DoorError(response.status, "", "", retryAfterMs); // not ours: a proxy's page
  }
}
