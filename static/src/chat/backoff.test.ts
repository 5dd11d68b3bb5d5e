import { expect, test } from "vitest";
import { delayMs } from "./backoff.ts";

test.each([
  [1, 0, 250],
  [1, 1, 500],
  [2, 1, 1_000],
  [5, 1, 8_000],
  [6, 1, 15_000],
  [1_000, 1, 15_000],
  [1_000, 0, 7_500],
])("after %i failures with %d", (failures, random, milliseconds) => {
  expect(delayMs(failures, random)).toBe(milliseconds);
});
