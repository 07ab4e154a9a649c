import { evenInFields } from "@/lib/hotkeys";
import {
  type GroupName,
  keysOf,
  type OwnKeys,
  ROWS,
  type Row,
  SHORTCUTS,
  type ShortcutId,
} from "@/lib/shortcuts";
import { t } from "@/lib/text";

/** On which screens the keys of a group count. Where two groups never share a screen, they may share a key. */
const SCREENS_OF: Record<GroupName, readonly string[]> = {
  Anywhere: ["canvas", "runs", "log", "inside the log"],
  "Go to": ["canvas", "runs", "log", "inside the log"],
  "This orchestrator": ["canvas"],
  "Add and change": ["canvas"],
  "Select and go": ["canvas"],
  "Move and look": ["canvas"],
  Outline: ["canvas"],
  "Replay of a run": ["canvas"],
  "List of runs": ["runs"],
  Log: ["canvas", "log", "inside the log"], // the drawing has one, too
  "Inside the log": ["inside the log"], // before the drawing hears of it
};

const GROUPS = Object.entries(SHORTCUTS) as [GroupName, Readonly<Record<string, Row>>][];
const GROUP_OF = new Map(
  GROUPS.flatMap(([group, rows]) => Object.keys(rows).map((id) => [id, group] as const)),
);

/** What no page gets, or what every field and reader of screens needs. */
const KEPT_BACK = new Set(
  t(
    "escape tab space shift+tab mod+n mod+t mod+w mod+q mod+r mod+l mod+c mod+x mod+v mod+shift+n mod+shift+t mod+shift+w f5 f11 f12",
  ).split(" "),
);

/** With which key the names of two keys begin: "g", unless the reader has others. */
export function firstKeys(own: OwnKeys): ReadonlySet<string> {
  const keys = [...ROWS.keys()].flatMap((id) => keysOf(id, own));
  return new Set(keys.flatMap((key) => (key.includes(" ") ? [key.slice(0, key.indexOf(" "))] : [])));
}

export function groupOf(id: ShortcutId): GroupName {
  return GROUP_OF.get(id) ?? "Anywhere";
}

/** Why a key cannot do it at all; null: it can. */
export function refusalOf(id: ShortcutId, key: string): string | null {
  if (KEPT_BACK.has(key)) return t("The browser keeps this key for itself.");
  if (ROWS.get(id)?.[2] === "always" && !evenInFields(key))
    return t("It counts while you type in a field, too: take a key with Ctrl or Cmd, or an F key.");
  if (key.includes(" ") && !SCREENS_OF[groupOf(id)].includes("runs"))
    return t("Only what counts on every screen can have two keys after one another.");
  return null;
}

/** What else has this key on a screen that both share. */
export function takenBy(id: ShortcutId, key: string, own: OwnKeys): ShortcutId | null {
  const screens = SCREENS_OF[groupOf(id)];
  for (const other of ROWS.keys()) {
    const shared = SCREENS_OF[groupOf(other)].some((screen) => screens.includes(screen));
    if (other !== id && shared && keysOf(other, own).some((each) => meet(each, key))) return other;
  }
  return null;
}

/** `id` has `key` and nothing else; whoever had it there is left with its other keys. */
export function rebound(own: OwnKeys, id: ShortcutId, key: string): OwnKeys {
  return plain(withoutRivals({ ...own, [id]: key }, id));
}

/** `id` has what it had at the beginning; whoever has one of those keys by now loses it. */
export function restored(own: OwnKeys, id: ShortcutId): OwnKeys {
  return plain(withoutRivals({ ...own, [id]: ROWS.get(id)?.[0] ?? "" }, id));
}

function withoutRivals(own: OwnKeys, id: ShortcutId): OwnKeys {
  let next = own;
  for (const key of keysOf(id, own)) {
    for (let rival = takenBy(id, key, next); rival; rival = takenBy(id, key, next)) {
      const left = keysOf(rival, next).filter((each) => !meet(each, key));
      next = { ...next, [rival]: left.join(", ") };
    }
  }
  return next;
}

/** The same keys, or one is where the other begins: it would never come to its end. */
function meet(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other} `) || other.startsWith(`${one} `);
}

/** Without what is as it was. */
function plain(own: OwnKeys): OwnKeys {
  return Object.fromEntries(
    Object.entries(own).filter(([id, keys]) => ROWS.get(id as ShortcutId)?.[0] !== keys),
  );
}
