// The conversation as a page knows it: what the server told, and what is still on its way there. Pure.
import type { Accepted, Author, Choice, Message, Unsent } from "./shapes.ts";

export type Transcript = {
  readonly messages: readonly Message[]; // by id
  readonly unsent: readonly Unsent[]; // in the order of writing
  readonly more: boolean; // the server has older ones
};

/** One line of the log. `state`: received, read, sent, delivered of the server, or sending, waiting, refused here. */
export type Entry = {
  readonly id: string; // stable while a message goes from unsent to sent
  readonly messageId: number;
  readonly from: Author;
  readonly text: string;
  readonly at: string;
  readonly state: string;
  readonly refusal: string;
  readonly media: Message["media"];
  readonly choices: readonly Choice[];
  readonly canChoose: boolean;
  readonly chosen: string; // the label that was taken
  readonly key: string;
  readonly startsGroup: boolean;
  readonly endsGroup: boolean;
  readonly startsDay: boolean;
};

export const EMPTY: Transcript = { messages: [], unsent: [], more: false };

const GROUP_MS = 5 * 60_000;

/** With messages of the server, new or changed; one of ours that was on its way has arrived. */
export function received(transcript: Transcript, news: readonly Message[]): Transcript {
  const byId = new Map(transcript.messages.map((message) => [message.id, message]));
  for (const message of news) byId.set(message.id, message);
  const arrived = new Set(news.map((message) => message.key).filter(Boolean));
  return {
    ...transcript,
    messages: [...byId.values()].sort((a, b) => a.id - b.id),
    unsent: transcript.unsent.filter((unsent) => !arrived.has(unsent.key)),
  };
}

/** With an older page before all we have. */
export function withOlder(transcript: Transcript, older: readonly Message[], more: boolean): Transcript {
  return { ...received(transcript, older), more };
}

/** With one more message on its way, or a changed one. */
export function written(transcript: Transcript, unsent: Unsent): Transcript {
  const known = transcript.unsent.some((other) => other.key === unsent.key);
  const list = known
    ? transcript.unsent.map((other) => (other.key === unsent.key ? unsent : other))
    : [...transcript.unsent, unsent].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { ...transcript, unsent: list };
}

/** Without one that the visitor deleted or another tab sent. */
export function without(transcript: Transcript, key: string): Transcript {
  return { ...transcript, unsent: transcript.unsent.filter((unsent) => unsent.key !== key) };
}

/** With one of ours acknowledged: it has its id, and the stream will tell the rest. */
export function accepted(transcript: Transcript, unsent: Unsent, answer: Accepted): Transcript {
  if (transcript.messages.some((message) => message.id === answer.id)) return without(transcript, unsent.key);
  const media = unsent.files.map((file) => ({ ...file, url: "" }));
  const { text, key } = unsent;
  return received(transcript, [
    { id: answer.id, conversation: answer.conversation, from: "contact", text, media, choices: [], key, at: answer.at, state: "received" },
  ]);
}

/** The highest id the server told; streams go on from it. */
export function lastId(transcript: Transcript): number {
  return transcript.messages.at(-1)?.id ?? 0;
}

/** How many messages of ours (not the visitor's) came after an id. */
export function newSince(transcript: Transcript, id: number): number {
  return transcript.messages.filter((message) => message.id > id && message.from !== "contact").length;
}

/** The lines of the log, oldest first. `isHeldUp`: sending failed and is tried again. */
export function entries(transcript: Transcript, isHeldUp: boolean): Entry[] {
  const lines = [...transcript.messages.map(ofMessage), ...transcript.unsent.map((unsent) => ofUnsent(unsent, isHeldUp))];
  const lastOwn = lines.findLastIndex((line) => line.from === "contact" && line.state !== "refused");
  return lines.map((line, index) => {
    const before = lines[index - 1];
    const after = lines[index + 1];
    return {
      ...line,
      canChoose: index > lastOwn,
      chosen: line.choices.length ? (lines.slice(index + 1).find((later) => later.from === "contact")?.text ?? "") : "",
      startsDay: !before || !isSameDay(before.at, line.at),
      startsGroup: !before || !isSameGroup(before, line),
      endsGroup: !after || !isSameGroup(line, after),
    };
  });
}

type Line = Omit<Entry, "canChoose" | "chosen" | "startsDay" | "startsGroup" | "endsGroup">;

function ofMessage(message: Message): Line {
  const { from, text, at, state, media, choices, key } = message;
  return { id: key || `m${message.id}`, messageId: message.id, from, text, at, state, refusal: "", media, choices, key };
}

function ofUnsent(unsent: Unsent, isHeldUp: boolean): Line {
  const { key, text, at, refusal } = unsent;
  const state = refusal ? "refused" : isHeldUp ? "waiting" : "sending";
  const media = unsent.files.map((file) => ({ ...file, url: "" }));
  return { id: key, messageId: 0, from: "contact", text, at, state, refusal, media, choices: [], key };
}

function isSameGroup(a: Line, b: Line): boolean {
  const apart = new Date(b.at).getTime() - new Date(a.at).getTime();
  return (a.from === "contact") === (b.from === "contact") && apart < GROUP_MS && isSameDay(a.at, b.at);
}

function isSameDay(a: string, b: string): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
