// What a page remembers in its own storage, never in a cookie: the visitor's token, unsent messages, the draft.
import { read, type Unsent } from "./shapes.ts";

/** The part of Storage we use; in a page without storage it is a Map that ends with the page. */
export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class Memory {
  constructor(
    private readonly store: Store,
    private readonly number: string,
  ) {}

  get token(): string {
    return this.store.getItem(this.name("token")) ?? "";
  }

  /** The guest whose token that is. */
  get guest(): string {
    return this.store.getItem(this.name("guest")) ?? "";
  }

  /** Keeps who this browser's guest is; other tabs hear of the name last, when the token is there. */
  keepGuest(guest: string, token: string): void {
    this.store.setItem(this.name("token"), token);
    if (guest !== this.guest) this.store.setItem(this.name("guest"), guest);
  }

  /** Whether a storage event is about the guest. */
  isGuest(name: string | null): boolean {
    return name === this.name("guest");
  }

  get draft(): string {
    return this.store.getItem(this.name("draft")) ?? "";
  }

  set draft(text: string) {
    if (text) this.store.setItem(this.name("draft"), text);
    else this.store.removeItem(this.name("draft"));
  }

  /** The last of our messages the visitor had in sight. */
  seen(visitor: string): number {
    return Number(this.store.getItem(this.name(`seen:${visitor}`)) ?? 0);
  }

  see(visitor: string, id: number): void {
    this.store.setItem(this.name(`seen:${visitor}`), String(id));
  }

  /** One item for each message: two tabs never overwrite each other's. */
  keep(visitor: string, unsent: Unsent): void {
    this.store.setItem(this.unsentName(visitor, unsent.key), JSON.stringify(unsent));
  }

  forget(visitor: string, key: string): void {
    this.store.removeItem(this.unsentName(visitor, key));
  }

  /** All of this visitor's unsent messages, oldest first; another user's on the same computer stay unread. */
  unsent(visitor: string): Unsent[] {
    const prefix = this.unsentName(visitor, "");
    const found: Unsent[] = [];
    for (let index = 0; index < this.store.length; index += 1) {
      const name = this.store.key(index);
      const text = name?.startsWith(prefix) ? this.store.getItem(name) : null;
      if (text) found.push(read<Unsent>(text));
    }
    return found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  }

  /** Gives what was written before the page knew its visitor to that visitor. */
  adopt(visitor: string): void {
    for (const unsent of this.unsent("")) {
      this.keep(visitor, unsent);
      this.forget("", unsent.key);
    }
  }

  /** Whether a storage event is about unsent messages. */
  isUnsent(name: string | null): boolean {
    return name?.startsWith(this.name("unsent:")) ?? false;
  }

  private unsentName(visitor: string, key: string): string {
    return this.name(`unsent:${visitor}:${key}`);
  }

  private name(what: string): string {
    return `patchbay:${this.number}:${what}`;
  }
}

/** The page's storage, or one in memory where the browser allows none (third-party storage may be blocked). */
export function storeOfPage(): Store {
  try {
    localStorage.setItem("patchbay:probe", "1");
    localStorage.removeItem("patchbay:probe");
    return localStorage;
  } catch {
    return new MapStore();
  }
}

export class MapStore implements Store {
  private readonly items = new Map<string, string>();

  get length(): number {
    return this.items.size;
  }

  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.items.set(name, value);
  }

  removeItem(name: string): void {
    this.items.delete(name);
  }

  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }
}
