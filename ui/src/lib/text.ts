import { createElement, Fragment, type ReactNode } from "react";

/* Every text of the screens. A message is English in ICU MessageFormat, of which this knows `{name}`, `{runs, plural, one {# run}
   other {# runs}}`, `<name>…</name>`, and `'{'` for a brace as such. It is its own key in a catalogue. */

type Part = string | { name: string; forms?: Record<string, Part[]>; inner?: Part[] };
type Tag = (inner: ReactNode) => ReactNode;
type Nothing = null | undefined | false;

let translated: (message: string) => string | undefined = () => undefined;
let plurals = new Intl.PluralRules("en");
let digits = new Intl.NumberFormat();

/** What dates are written in; undefined: as the browser has it. */
export let locale: string | undefined;

/** From here on a text is what `find` says, else English. To be called before a module that has texts is evaluated. */
export function speak(language: string, find: (message: string) => string | undefined): void {
  translated = find;
  locale = language;
  plurals = new Intl.PluralRules(language);
  digits = new Intl.NumberFormat(language);
}

/** In the reader's language: `t("Delete {name}?", { name })`. The message is a literal, so that it can be extracted.
 *
 * @__NO_SIDE_EFFECTS__ */
export function t(message: string, values?: Record<string, string | number | Nothing>): string {
  const text = translated(message) ?? message;
  return text.includes("{") ? filled(parsed(text), values ?? {}).join("") : text;
}

/** With elements in it: `rich("See <a>the list</a> of {day}.", { a: (inner) => <Link to="/runs">{inner}</Link>, day: <Day /> })`.
 *
 * @__NO_SIDE_EFFECTS__ */
export function rich(message: string, values: Record<string, ReactNode | Tag>): ReactNode {
  return together(filled(parsed(translated(message) ?? message), values));
}

/** Grouped digits. */
export function count(value: number): string {
  return digits.format(value);
}

function together(parts: readonly unknown[]): ReactNode {
  return createElement(Fragment, null, ...(parts as ReactNode[]));
}

/** `amount`: of the plural that the parts are in. */
function filled(parts: readonly Part[], values: Record<string, unknown>, amount = 0): unknown[] {
  return parts.flatMap((part) => {
    if (typeof part === "string") return [part];
    const { name, forms, inner } = part;
    if (name === "#") return [count(amount)];
    const value = values[name];
    if (forms) {
      const number = Number(value);
      return filled(
        forms[`=${number}`] ?? forms[plurals.select(number)] ?? forms.other ?? [],
        values,
        number,
      );
    }
    if (inner) return [(value as Tag)(together(filled(inner, values, amount)))];
    return value === null || value === undefined || value === false ? [] : [value];
  });
}

const known = new Map<string, Part[]>();

function parsed(text: string): Part[] {
  const found = known.get(text) ?? parse(text);
  known.set(text, found);
  return found;
}

const QUOTED = /'([{}<#][^']*)'/y;
const NAME = /\{(\w+)\}/y;
const PLURAL = /\{(\w+), plural,/y;
const FORM = /\s*(=?\w+) \{/y;
const TAG = /<(\w+)>/y;

function parse(text: string): Part[] {
  let at = 0;
  const next = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const [all, name] = pattern.exec(text) ?? [];
    at += all?.length ?? 0;
    return name;
  };
  const read = (end: string, counted: boolean): Part[] => {
    const parts: Part[] = [];
    let plain = "";
    const put = (part: Part) => {
      if (plain) parts.push(plain);
      plain = "";
      if (part) parts.push(part);
    };
    while (at < text.length && !(end && text.startsWith(end, at))) {
      const quoted = next(QUOTED);
      const name = quoted ? undefined : next(NAME);
      const plural = quoted || name ? undefined : next(PLURAL);
      const tag = quoted || name || plural ? undefined : next(TAG);
      if (quoted) plain += quoted;
      else if (name) put({ name });
      else if (plural) {
        const forms: Record<string, Part[]> = {};
        for (let form = next(FORM); form; form = next(FORM)) forms[form] = read("}", true);
        at = text.indexOf("}", at) + 1;
        put({ name: plural, forms });
      } else if (tag) put({ name: tag, inner: read(`</${tag}>`, counted) });
      else if (counted && text[at] === "#") {
        at += 1;
        put({ name: "#" });
      } else plain += text[at++];
    }
    at += end.length;
    put("");
    return parts;
  };
  return read("", false);
}
