import { expect, test } from "vitest";
import { plan } from "./embed_plan.ts";

const SRC = "https://chat.example.com/chat/embed.js?v=1";

test("the tag says which chat, in the page's language unless it says another", () => {
  const read = plan(SRC, { number: "web shop" }, "pl-PL");
  expect([read.origin, read.language]).toEqual(["https://chat.example.com", "pl"]);
  expect(read.address("")).toBe("https://chat.example.com/chat/web%20shop?language=pl");
  expect(plan(SRC, { number: "a", language: "RU" }, "pl").language).toBe("ru");
});

test("without a number it is the installation's first chat", () => {
  expect(plan(SRC, {}, "en").address("")).toBe("https://chat.example.com/chat?language=en");
});

test("a signed user stands after the #, where no server sees it", () => {
  const address = plan(SRC, { number: "a", user: "e30.x+/=" }, "en").address("e30.x+/=");
  expect(new URL(address).search).toBe("?language=en");
  expect(new URLSearchParams(new URL(address).hash.slice(1)).get("user")).toBe("e30.x+/=");
});
