import { expect, test } from "vitest";
import { MapStore, Memory } from "./memory.ts";
import type { Unsent } from "./shapes.ts";

function unsent(key: string, at: string): Unsent {
  return { key, text: key, choice: "", files: [], at, refusal: "" };
}

test("unsent messages survive a reload, in the order of writing", () => {
  const store = new MapStore();
  const before = new Memory(store, "web");
  before.keep("visitor:1", unsent("b", "2026-11-21T12:00:02Z"));
  before.keep("visitor:1", unsent("a", "2026-11-21T12:00:01Z"));
  expect(new Memory(store, "web").unsent("visitor:1").map(({ key }) => key)).toEqual(["a", "b"]);
});

test("two tabs keep messages of their own without losing each other's", () => {
  const store = new MapStore();
  new Memory(store, "web").keep("visitor:1", unsent("a", "1"));
  new Memory(store, "web").keep("visitor:1", unsent("b", "2"));
  new Memory(store, "web").forget("visitor:1", "a");
  expect(new Memory(store, "web").unsent("visitor:1").map(({ key }) => key)).toEqual(["b"]);
});

test("another visitor on the same computer, and another chat, see none of it", () => {
  const store = new MapStore();
  new Memory(store, "web").keep("user:5:17", unsent("a", "1"));
  expect(new Memory(store, "web").unsent("visitor:1")).toEqual([]);
  expect(new Memory(store, "shop").unsent("user:5:17")).toEqual([]);
});

test("what was written before the visit began belongs to the visitor", () => {
  const memory = new Memory(new MapStore(), "web");
  memory.keep("", unsent("b", "2"));
  memory.keep("", unsent("a", "1"));
  memory.adopt("visitor:1");
  expect(memory.unsent("visitor:1").map(({ key }) => key)).toEqual(["a", "b"]);
  expect(memory.unsent("")).toEqual([]);
});

test("the draft and the token are kept, an empty draft is not", () => {
  const store = new MapStore();
  const memory = new Memory(store, "web");
  memory.keepGuest("visitor:1", "t");
  memory.draft = "half a sen";
  expect([new Memory(store, "web").token, new Memory(store, "web").draft]).toEqual(["t", "half a sen"]);
  memory.draft = "";
  expect([store.length, memory.guest]).toEqual([2, "visitor:1"]);
});
