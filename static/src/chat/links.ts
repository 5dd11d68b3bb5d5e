// Finds web addresses in a text. Everything is shown as text; only these parts become links. Pure.

export type Part = { readonly text: string; readonly href: string };

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi;
const TRAILING = /[.,;:!?'"…)\]}]+$/;

/** The text in parts; `href` is empty for plain ones. */
export function parts(text: string): Part[] {
  const found: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const href = trimmed(match[0]);
    if (!isAddress(href)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), href: "" });
    found.push({ text: href, href });
    end = match.index + href.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), href: "" });
  return found;
}

/** Without the sentence's own marks at the end; a closing bracket stays when it was opened inside. */
function trimmed(address: string): string {
  const marks = TRAILING.exec(address)?.[0] ?? "";
  const bare = address.slice(0, address.length - marks.length);
  return marks.startsWith(")") && bare.includes("(") && !bare.includes(")") ? `${bare})` : bare;
}

function isAddress(text: string): boolean {
  try {
    return new URL(text).hostname !== "";
  } catch {
    return false;
  }
}
