import { expect, test } from "vitest";
import { catalogues, Words } from "./words.ts";

const english = catalogues["en"] ?? {};

test.each(Object.keys(catalogues))("%s has every word, with the same names to fill in", (language) => {
  const catalogue = catalogues[language];
  expect(Object.keys(catalogue ?? {}).sort()).toEqual(Object.keys(english).sort());
  for (const [word, entry] of Object.entries(english)) {
    const names = (value: unknown): string[] => [...new Set(JSON.stringify(value).match(/\{\w+\}/g))].sort();
    expect(names(Reflect.get(catalogue ?? {}, word)), word).toEqual(names(entry));
  }
});

test.each(Object.keys(catalogues))("%s has every plural form of its language", (language) => {
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const [word, entry] of Object.entries(catalogues[language] ?? {})) {
    if (typeof entry === "object") expect(Object.keys(entry).sort(), word).toEqual([...forms].sort());
  }
});

test.each([
  ["en", 1, "Open the chat, 1 new message"],
  ["en", 2, "Open the chat, 2 new messages"],
  ["pl", 1, "Otwórz czat, 1 nowa wiadomość"],
  ["pl", 3, "Otwórz czat, 3 nowe wiadomości"],
  ["pl", 5, "Otwórz czat, 5 nowych wiadomości"],
  ["ru", 21, "Открыть чат, 21 новое сообщение"],
  ["ru", 12, "Открыть чат, 12 новых сообщений"],
])("%s counts %i", (language, count, text) => {
  expect(new Words(language).say("open_chat_unread", { count })).toBe(text);
});

test("an unknown language is English, and dates follow the visitor's own way of writing", () => {
  expect(new Words("de").say("send")).toBe("Send");
  expect(new Words("en", ["pl", "en-GB", "en"]).locale).toBe("en-GB");
  expect(new Words("ru", ["en-GB"]).locale).toBe("ru");
});

test("only codes with a sentence of our own have one", () => {
  const words = new Words("en");
  expect(words.sayIfKnown("too_large")).toContain("1 MB");
  expect(words.sayIfKnown("toString")).toBeNull();
});
