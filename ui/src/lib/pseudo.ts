const PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ACCENTED = [..."àƀćđéƒğĥíĵķļḿńőƥɋŕśţúṽŵẋýžÀƁĆĐÉƑĞĤÍĴĶĻḾŃŐƤɊŔŚŢÚṼŴẊÝŽ"];

/* What is no text: places, the frame of a plural, tags, what is quoted. */
const IN_TEXT = /\{\w+\}|\{\w+, plural,|<\/?\w+>|'[{}<#][^']*'|./sy;
const IN_PLURAL = /\s*=?\w+ \{|\}/y;

/** `Delete {name}?` is `⟦Đéļéţé {name}?⟧`. */
export function pseudo(message: string): string {
  /** Of the braces that are open: whether it is that of a plural. */
  const open: boolean[] = [];
  let out = "";
  for (let at = 0; at < message.length; ) {
    const pattern = open.at(-1) ? IN_PLURAL : IN_TEXT;
    pattern.lastIndex = at;
    const token = pattern.exec(message)?.[0] ?? message.charAt(at);
    at += token.length;
    if (token === "}") open.pop();
    else if (token.endsWith(", plural,")) open.push(true);
    else if (open.at(-1)) open.push(false);
    out += token.length === 1 ? accented(token) : token;
  }
  return `⟦${out}⟧`;
}

function accented(letter: string): string {
  return ACCENTED[PLAIN.indexOf(letter)] ?? letter;
}
