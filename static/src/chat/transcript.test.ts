import { describe, expect, test } from "vitest";
import type { Message, Unsent } from "./shapes.ts";
import { accepted, EMPTY, entries, lastId, newSince, received, withOlder, without, written } from "./transcript.ts";

function message(id: number, text: string, more: Partial<Message> = {}): Message {
  const at = new Date(Date.UTC(2026, 10, 21, 12, id)).toISOString();
  return { id, conversation: "PB-10001", from: "flow", text, media: [], choices: [], key: "", at, state: "sent", ...more };
}

function unsent(key: string, more: Partial<Unsent> = {}): Unsent {
  return { key, text: `text of ${key}`, choice: "", files: [], at: "2026-11-21T12:30:00.000Z", refusal: "", ...more };
}

const texts = (transcript: typeof EMPTY): string[] => entries(transcript, false).map((entry) => entry.text);

describe("messages of the server", () => {
  test("stand in the order of their ids, however they come", () => {
    const transcript = received(received(EMPTY, [message(3, "c"), message(1, "a")]), [message(2, "b")]);
    expect(texts(transcript)).toEqual(["a", "b", "c"]);
    expect(lastId(transcript)).toBe(3);
  });

  test("that come twice are one, in their latest state", () => {
    const transcript = received(received(EMPTY, [message(1, "a")]), [message(1, "a", { state: "read" })]);
    expect(entries(transcript, false).map((entry) => entry.state)).toEqual(["read"]);
  });

  test("older pages stand before", () => {
    const transcript = withOlder(received(EMPTY, [message(9, "new")]), [message(1, "old")], true);
    expect(texts(transcript)).toEqual(["old", "new"]);
    expect(transcript.more).toBe(true);
  });

  test("of ours that came later than an id are new", () => {
    const transcript = received(EMPTY, [message(1, "a"), message(2, "b"), message(3, "mine", { from: "contact" })]);
    expect(newSince(transcript, 1)).toBe(1);
  });
});

describe("a message on its way", () => {
  test("stands last until it arrives, and keeps its place on screen", () => {
    const sending = written(received(EMPTY, [message(1, "a")]), unsent("k"));
    expect(texts(sending)).toEqual(["a", "text of k"]);
    const answer = { key: "k", id: 2, at: "2026-11-21T12:30:01.000Z", conversation: "PB-10001", shortened: false };
    const arrived = accepted(sending, unsent("k"), answer);
    expect(arrived.unsent).toEqual([]);
    expect(entries(arrived, false).map((entry) => entry.id)).toEqual(entries(sending, false).map((entry) => entry.id));
    expect(entries(arrived, false).at(-1)?.state).toBe("received");
  });

  test("is known by its key when the stream is faster than the answer", () => {
    const sending = written(EMPTY, unsent("k"));
    const told = received(sending, [message(2, "text of k", { from: "contact", key: "k", state: "received" })]);
    expect(texts(told)).toEqual(["text of k"]);
    const answer = { key: "k", id: 2, at: "2026-11-21T12:30:01.000Z", conversation: "PB-10001", shortened: false };
    expect(texts(accepted(told, unsent("k"), answer))).toEqual(["text of k"]);
  });

  test.each([
    [false, "", "sending"],
    [true, "", "waiting"],
    [true, "Too large.", "refused"],
  ])("held up: %s, refusal: %j is %s", (isHeldUp, refusal, state) => {
    expect(entries(written(EMPTY, unsent("k", { refusal })), isHeldUp)[0]?.state).toBe(state);
  });

  test("can be deleted", () => {
    expect(without(written(EMPTY, unsent("k")), "k").unsent).toEqual([]);
  });

  test("several keep the order of writing", () => {
    const later = unsent("later", { at: "2026-11-21T12:31:00.000Z" });
    expect(texts(written(written(EMPTY, later), unsent("k")))).toEqual(["text of k", "text of later"]);
  });
});

describe("choices", () => {
  const question = message(1, "Which?", { choices: [{ id: "a", label: "A" }, { id: "b", label: "B" }] });

  test("are open until the visitor says something, also when more of ours follow", () => {
    expect(entries(received(EMPTY, [question, message(2, "Take your time.")]), false)[0]?.canChoose).toBe(true);
  });

  test("are taken by what was written next", () => {
    const first = entries(received(EMPTY, [question, message(2, "B", { from: "contact" })]), false)[0];
    expect([first?.canChoose, first?.chosen]).toEqual([false, "B"]);
  });

  test("are taken while the answer is on its way", () => {
    expect(entries(written(received(EMPTY, [question]), unsent("k", { text: "A" })), false)[0]?.canChoose).toBe(false);
  });

  test("are open again when the answer was refused", () => {
    const refused = written(received(EMPTY, [question]), unsent("k", { text: "A", refusal: "No." }));
    expect(entries(refused, false)[0]?.canChoose).toBe(true);
  });
});

describe("groups", () => {
  test("join what one side says within five minutes, and begin anew each day", () => {
    const transcript = received(EMPTY, [
      message(1, "a"),
      message(2, "b"),
      message(3, "c", { from: "contact" }),
      message(20, "d"),
      message(21, "e", { at: "2026-11-24T12:00:00.000Z" }),
    ]);
    const drawn = entries(transcript, false);
    expect(drawn.map((entry) => entry.startsGroup)).toEqual([true, false, true, true, true]);
    expect(drawn.map((entry) => entry.endsGroup)).toEqual([false, true, true, true, true]);
    expect(drawn.map((entry) => entry.startsDay)).toEqual([true, false, false, false, true]);
  });
});
