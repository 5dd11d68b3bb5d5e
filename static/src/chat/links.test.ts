import { expect, test } from "vitest";
import { parts } from "./links.ts";

test.each([
  ["no address here", []],
  ["see https://a.example/b.", ["https://a.example/b"]],
  ["(https://a.example/b)", ["https://a.example/b"]],
  ["https://a.example/b_(c) and http://b.example:8080/?q=1&r=2!", ["https://a.example/b_(c)", "http://b.example:8080/?q=1&r=2"]],
  ["javascript:alert(1) data:text/html,x ftp://a.example", []],
  ["https://", []],
  ['<a href="https://a.example/x">', ["https://a.example/x"]],
  ["adres: https://a.example/zażółć, dalej", ["https://a.example/zażółć"]],
])("%j", (text, found) => {
  const all = parts(text);
  expect(all.filter((part) => part.href).map((part) => part.href)).toEqual(found);
  expect(all.map((part) => part.text).join("")).toBe(text);
});
