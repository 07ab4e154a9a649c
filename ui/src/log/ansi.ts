/** A piece of a terminal's text that looks one way. `tone` is one of the colours below. */
export type Piece = { text: string; tone: Tone | null; bold: boolean };
export type Tone = "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "grey";

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals begin their signs with it
const SIGN = /\x1b\[([0-9;]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g;
const TONES: readonly (Tone | null)[] = ["grey", "red", "green", "yellow", "blue", "magenta", "cyan", null];

/** Whether there is anything of a terminal in it. */
export function hasSigns(text: string): boolean {
  return text.includes("\x1b");
}

/** What a reader would have seen: the text without a terminal's signs. */
export function plain(text: string): string {
  return hasSigns(text) ? text.replaceAll(SIGN, "") : text;
}

/** The text in pieces of one look. Colours are those of the theme; backgrounds, and signs that move a cursor, are left out. */
export function piecesOf(text: string): Piece[] {
  const found: Piece[] = [];
  let tone: Tone | null = null;
  let bold = false;
  let from = 0;
  const add = (to: number) => {
    if (to > from) found.push({ text: text.slice(from, to), tone, bold });
  };
  for (const sign of text.matchAll(SIGN)) {
    add(sign.index);
    from = sign.index + sign[0].length;
    if (sign[2] !== "m") continue;
    const codes = (sign[1] ?? "").split(";").map(Number);
    for (let at = 0; at < codes.length; at += 1) {
      const code = codes[at] ?? 0;
      if (code === 0) [tone, bold] = [null, false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) tone = null;
      else if (code >= 30 && code <= 37) tone = TONES[code - 30] ?? null;
      else if (code >= 90 && code <= 97) tone = TONES[code - 90] ?? null;
      else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4; // a colour by number: not of the theme
    }
  }
  add(text.length);
  return found;
}
