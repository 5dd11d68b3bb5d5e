import { expect, test } from "vitest";
import { Courier, type Errand } from "./courier.ts";
import { DoorError } from "./doors.ts";
import type { Accepted, Unsent } from "./shapes.ts";

const away = (): DoorError => new DoorError(0, "no_connection", "There is no connection.", 0);

/** Records what happens; `answers` are what the server does, one for each try (null = takes it). */
function carrying(keys: string[], answers: (DoorError | null)[]): { log: string[]; waits: number[]; courier: Courier } {
  const log: string[] = [];
  const waits: number[] = [];
  const queue: Unsent[] = keys.map((key) => ({ key, text: key, choice: "", files: [], at: key, refusal: "" }));
  const drop = (unsent: Unsent): void => void queue.splice(queue.indexOf(unsent), 1);
  const errand: Errand = {
    next: () => queue[0],
    async send(unsent): Promise<Accepted> {
      log.push(`try ${unsent.key}`);
      const answer = answers.shift();
      if (answer) throw answer;
      return { key: unsent.key, id: 1, at: "", conversation: "PB-10001", shortened: false };
    },
    accepted: (unsent) => (log.push(`sent ${unsent.key}`), drop(unsent)),
    refused: (unsent, error) => (log.push(`refused ${unsent.key}: ${error.code}`), drop(unsent)),
    changed: () => undefined,
    renew: async () => void log.push("renew"),
  };
  const timer = (action: () => void, ms: number): void => {
    waits.push(ms);
    queueMicrotask(action);
  };
  return { log, waits, courier: new Courier(errand, timer, () => 1) };
}

test("messages go one by one in their order", async () => {
  const { log, courier } = carrying(["a", "b"], []);
  await courier.go();
  expect(log).toEqual(["try a", "sent a", "try b", "sent b"]);
});

test("without a connection the same message is tried until it is taken, and none overtakes it", async () => {
  const { log, waits, courier } = carrying(["a", "b"], [away(), away(), away()]);
  await courier.go();
  expect(log).toEqual(["try a", "try a", "try a", "try a", "sent a", "try b", "sent b"]);
  expect(waits).toEqual([500, 1000, 2000]);
  expect(courier.isHeldUp).toBe(false);
});

test.each([500, 502, 503, 408, 429])("a %i is tried again", async (status) => {
  const { log, courier } = carrying(["a"], [new DoorError(status, "", "", 0)]);
  await courier.go();
  expect(log).toEqual(["try a", "try a", "sent a"]);
});

test.each([400, 403, 404, 413, 415])("a %i is shown and does not hold up the next", async (status) => {
  const { log, courier } = carrying(["a", "b"], [new DoorError(status, "no", "No.", 0)]);
  await courier.go();
  expect(log).toEqual(["try a", "refused a: no", "try b", "sent b"]);
});

test("the server's wish to wait is honoured", async () => {
  const { waits, courier } = carrying(["a"], [new DoorError(429, "too_often", "", 7000)]);
  await courier.go();
  expect(waits).toEqual([7000]);
});

test("a token that ended is renewed and the message tried again", async () => {
  const { log, courier } = carrying(["a"], [new DoorError(401, "token_refused", "", 0)]);
  await courier.go();
  expect(log).toEqual(["try a", "renew", "try a", "sent a"]);
});

test("called twice at once it carries each message once", async () => {
  const { log, courier } = carrying(["a"], []);
  await Promise.all([courier.go(), courier.go()]);
  expect(log).toEqual(["try a", "sent a"]);
});
