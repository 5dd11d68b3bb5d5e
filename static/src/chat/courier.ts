// Carries unsent messages to the server: in order, one at a time, with the same key until it is acknowledged.
import { delayMs } from "./backoff.ts";
import { DoorError } from "./doors.ts";
import type { Accepted, Unsent } from "./shapes.ts";

export type Errand = {
  /** The oldest message that may be tried. */
  next(): Unsent | undefined;
  send(unsent: Unsent): Promise<Accepted>;
  accepted(unsent: Unsent, answer: Accepted): void;
  refused(unsent: Unsent, error: DoorError): void;
  /** A try failed or a new one begins: the page shows it. */
  changed(): void;
  /** The token is not valid any more; resolves when there is a new one. */
  renew(): Promise<void>;
};

type Timer = (action: () => void, ms: number) => unknown;

export class Courier {
  private busy = false;
  private failures = 0;
  private wakeUp: (() => void) | null = null;

  constructor(
    private readonly errand: Errand,
    private readonly timer: Timer = (action, ms) => setTimeout(action, ms),
    private readonly random: () => number = Math.random,
  ) {}

  /** Whether the last try failed, so that all messages wait for the next one. */
  get isHeldUp(): boolean {
    return this.failures > 0;
  }

  /** Sends all there is. Called again while at work it only ends a pause. */
  async go(): Promise<void> {
    this.wakeUp?.();
    if (this.busy) return;
    this.busy = true;
    try {
      for (let unsent = this.errand.next(); unsent; unsent = this.errand.next()) await this.carry(unsent);
    } finally {
      this.busy = false;
    }
  }

  private async carry(unsent: Unsent): Promise<void> {
    try {
      const answer = await this.errand.send(unsent);
      this.failures = 0;
      this.errand.accepted(unsent, answer);
    } catch (error) {
      if (!(error instanceof DoorError)) throw error;
      if (!error.isPassing && error.status !== 401) {
        this.failures = 0;
        this.errand.refused(unsent, error);
        return;
      }
      this.failures += 1;
      this.errand.changed();
      await this.pause(Math.max(error.retryAfterMs, delayMs(this.failures, this.random())));
      if (error.status === 401) await this.errand.renew();
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        if (this.wakeUp === end) this.wakeUp = null;
        resolve();
      };
      this.wakeUp = end;
      this.timer(end, ms);
    });
  }
}
