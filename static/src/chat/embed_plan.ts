// What the one tag on a site says: where the chat is, which one, in which language, and for whom. Pure.

export type Plan = {
  readonly origin: string;
  readonly language: string;
  readonly user: string;
  readonly openedName: string;
  /** The frame's address for a signed user (or none); the user stands after the #, which no server sees. */
  readonly address: (user: string) => string;
};

/** Reads the tag: `src`, `data-number`, `data-language`, `data-user`. */
export function plan(src: string, data: Readonly<Record<string, string | undefined>>, pageLanguage: string): Plan {
  const origin = new URL(src).origin;
  const number = data["number"] ?? "";
  const language = (data["language"] || pageLanguage).slice(0, 2).toLowerCase();
  const page = `${origin}/chat${number ? `/${encodeURIComponent(number)}` : ""}?language=${encodeURIComponent(language)}`;
  return {
    origin,
    language,
    user: data["user"] ?? "",
    openedName: `patchbay:${number}:opened`,
    address: (user) => (user ? `${page}#user=${encodeURIComponent(user)}` : page),
  };
}
