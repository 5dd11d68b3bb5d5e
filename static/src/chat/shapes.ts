// What the chat's doors answer (docs/web-chat.md), as types, and the one place that reads it from JSON.

export type Attachment = { name: string; media_type: string; size_bytes: number; url: string };
export type Choice = { id: string; label: string };
export type Author = "contact" | "flow" | "agent";
export type Message = {
  id: number;
  conversation: string;
  from: Author;
  text: string;
  media: Attachment[];
  choices: Choice[];
  key: string;
  at: string;
  state: string;
};
export type Conversation = { reference: string; open: boolean; with_people: boolean; typing: boolean };
export type Page = { messages: Message[]; conversation: Conversation; more: boolean };
export type Visit = Page & { token: string; user: boolean; visitor: string; name: string };
export type Accepted = { key: string; id: number; at: string; conversation: string; shortened: boolean };
export type Uploaded = { file: string; media_type: string; size_bytes: number };

/** A file that was uploaded and goes with a message. */
export type SentFile = Uploaded & { name: string };

/** A message that the server has not acknowledged yet, as it is kept in storage. */
export type Unsent = {
  key: string;
  text: string;
  choice: string;
  files: SentFile[];
  at: string;
  refusal: string; // a sentence; empty while it is tried
};

export const NO_CONVERSATION: Conversation = { reference: "", open: false, with_people: false, typing: false };

/** JSON of our own server; its shape is what the server's tests hold. */
export function read<T>(text: string): T {
  return JSON.parse(text) as T;
}
