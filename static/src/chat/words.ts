// The words on screen, from one catalogue per language; plurals by the language's own rules.
import en from "./catalogues/en.json";
import pl from "./catalogues/pl.json";
import ru from "./catalogues/ru.json";

export type Word = keyof typeof en;
type Plural = { readonly other: string; readonly [form: string]: string };
type Catalogue = Readonly<Record<Word, string | Plural>>;

export const catalogues: Readonly<Record<string, Catalogue>> = { en, pl, ru };

/** The language of the page, one that has a catalogue. */
export class Words {
  readonly language: string;
  /** How the visitor writes dates and numbers: "en-GB" where the page is in English. */
  readonly locale: string;
  private readonly catalogue: Catalogue;
  private readonly plurals: Intl.PluralRules;

  constructor(language: string, preferred: readonly string[] = []) {
    const known = catalogues[language];
    this.language = known ? language : "en";
    this.locale = preferred.find((locale) => locale.startsWith(this.language)) ?? this.language;
    this.catalogue = known ?? en;
    this.plurals = new Intl.PluralRules(this.language);
  }

  /** A text with its {names} filled in; `count` chooses the plural form. */
  say(word: Word, values: Readonly<Record<string, string | number>> = {}): string {
    const entry = this.catalogue[word];
    const text = typeof entry === "string" ? entry : this.form(entry, Number(values["count"] ?? 0));
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  }

  /** The sentence for an error's code, if there is one of our own. */
  sayIfKnown(code: string): string | null {
    return Object.hasOwn(this.catalogue, code) ? this.say(code as Word) : null;
  }

  private form(plural: Plural, count: number): string {
    return plural[this.plurals.select(count)] ?? plural.other;
  }
}
