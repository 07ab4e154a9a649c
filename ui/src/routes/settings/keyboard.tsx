import { Keyboard as Icon, RotateCcw } from "lucide-react";
import { type FocusEvent, type KeyboardEvent, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { MAC, modifier, named } from "@/lib/hotkeys";
import {
  GROUP_TITLES,
  type GroupName,
  keysOf,
  type OwnKeys,
  ROWS,
  type Row,
  SHORTCUTS,
  type ShortcutId,
  setOwnKeys,
  useOwnKeys,
} from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, EmptyState, IconButton, Kbd, SearchInput, Section } from "@/ui";
import { firstKeys, groupOf, rebound, refusalOf, restored, takenBy } from "./rebinding";

const GROUPS = Object.entries(SHORTCUTS).map(([name, rows]) => ({
  name: name as GroupName,
  rows: Object.entries(rows) as [ShortcutId, Row][],
}));

/** Every key of the app: each can be another one, or none. */
export function Keyboard() {
  const own = useOwnKeys();
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  const words = text.trim().toLowerCase();
  const fits = ([id, [, does]]: [ShortcutId, Row], group: string) =>
    `${group} ${does} ${keysOf(id, own).join(" ")}`.toLowerCase().includes(words);
  const shown = GROUPS.map(({ name, rows }) => ({
    name,
    rows: rows.filter((row) => fits(row, GROUP_TITLES[name])),
  })).filter(({ rows }) => rows.length > 0);
  const use = (next: OwnKeys, what: string) => {
    if (!setOwnKeys(next)) toast.error(t("The keys hold until this page is left"), { description: STORAGE });
    setSaid(what);
  };
  const changed = Object.keys(own).length > 0;
  const before = useRef<OwnKeys>({});
  return (
    <Section
      title={t("Keyboard")}
      description={t("Kept in this browser. Keys are silent while you type in a field.")}
      flush
      actions={
        <Button
          size="sm"
          icon={RotateCcw}
          disabled={!changed}
          onClick={() => {
            before.current = own;
            use({}, t("All keys are as they were"));
            toast.success(t("All keys are as they were"), {
              action: { label: t("Undo"), onClick: () => use(before.current, t("Your own keys are back")) },
            });
          }}
        >
          {t("Reset all")}
        </Button>
      }
    >
      <div className="border-b p-3">
        <SearchInput label={t("Search the keys")} value={text} onChange={setText} className="max-w-72" />
      </div>
      <p role="status" className="sr-only">
        {said}
      </p>
      {shown.length === 0 && (
        <EmptyState
          icon={Icon}
          title={t("No such key")}
          actions={<Button onClick={() => setText("")}>{t("Show all")}</Button>}
        >
          {t("Search by what a key does, or by its name.")}
        </EmptyState>
      )}
      {shown.map(({ name, rows }) => (
        <section key={name} aria-label={GROUP_TITLES[name]}>
          <h3 className="border-b bg-sunken px-4 py-1.5 font-medium text-muted text-xs">
            {GROUP_TITLES[name]}
          </h3>
          <ul className="divide-y border-b">
            {rows.map(([id, [, does]]) => (
              <Line key={id} id={id} does={does} own={own} onUse={use} />
            ))}
          </ul>
        </section>
      ))}
    </Section>
  );
}

const STORAGE = t("This browser's storage is full or forbidden.");

type LineProps = {
  id: ShortcutId;
  does: string;
  own: OwnKeys;
  onUse: (own: OwnKeys, what: string) => void;
};

/** What is to become of the next key: `key` was pressed, and cannot be used, or is somebody else's. */
type Asked = { key: string | null; refusal: string | null; first: string | null };

function Line({ id, does, own, onUse }: LineProps) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const keys = keysOf(id, own);
  const rival = asked?.key && !asked.refusal ? takenBy(id, asked.key, own) : null;
  const end = () => {
    setAsked(null);
    button.current?.focus();
  };
  const take = (key: string) => {
    onUse(rebound(own, id, key), key ? `${does}: ${spoken(key)}` : t("{does} has no key", { does }));
    end();
  };
  const pressed = (event: KeyboardEvent) => {
    if (!asked || event.repeat || event.key === "Tab" || modifier(event.nativeEvent)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") return end();
    const single = named(event.nativeEvent);
    const key = asked.first ? `${asked.first} ${single}` : single;
    // What others begin with waits for the next key.
    if (!asked.first && groupOf(id) === "Go to" && firstKeys(own).has(single)) {
      return setAsked({ key: null, refusal: null, first: single });
    }
    const refusal = event.key === "Dead" || event.key === "Unidentified" ? UNKNOWN : refusalOf(id, key);
    if (refusal || takenBy(id, key, own)) setAsked({ key, refusal, first: null });
    else take(key);
  };
  const left = (event: FocusEvent<HTMLElement>) => {
    if (asked && !event.currentTarget.contains(event.relatedTarget)) setAsked(null);
  };
  return (
    <li onBlur={left} className={cn("px-4 py-1.5 text-sm", asked && "bg-accent-soft")}>
      <div className="flex min-h-7 items-center gap-2">
        <span className="min-w-0 flex-1">{does}</span>
        <span className="flex shrink-0 flex-wrap justify-end gap-1.5">
          {keys.length ? (
            keys.map((key) => <Kbd key={key} keys={key} />)
          ) : (
            <span className="text-muted text-xs">{t("no key")}</span>
          )}
        </span>
        <Button
          ref={button}
          size="sm"
          variant={asked ? "primary" : "secondary"}
          className="w-28 shrink-0"
          aria-label={asked ? undefined : t("Change the key: {does}", { does })}
          onKeyDown={pressed}
          onClick={() => setAsked({ key: null, refusal: null, first: null })}
        >
          {asked?.first
            ? t("{first}, then …", { first: spoken(asked.first) })
            : asked
              ? t("Press a key …")
              : t("Change")}
        </Button>
        <IconButton
          size="sm"
          icon={RotateCcw}
          label={t("Reset: {does}", { does })}
          disabled={own[id] === undefined}
          className="shrink-0 text-muted"
          onClick={() => {
            onUse(restored(own, id), t("{does} has its first key again", { does }));
            end();
          }}
        />
      </div>
      {asked && (
        <div role="status" className="flex flex-wrap items-center gap-2 py-1 text-xs">
          <p className="min-w-0 flex-1">
            {rival && asked.key
              ? t("{key} is “{row}” ({group_title}). Press another, or take it from there.", {
                  key: spoken(asked.key),
                  row: ROWS.get(rival)?.[1],
                  group_title: GROUP_TITLES[groupOf(rival)],
                })
              : asked.refusal && asked.key
                ? t("{key} cannot be used. {refusal}", { key: spoken(asked.key), refusal: asked.refusal })
                : t("Esc leaves it as it is.")}
          </p>
          {rival && asked.key && (
            <Button size="sm" onClick={() => take(asked.key ?? "")}>
              {t("Take {key}", { key: spoken(asked.key) })}
            </Button>
          )}
          {keys.length > 0 && (
            <Button size="sm" variant="ghost" onClick={() => take("")}>
              {t("No key")}
            </Button>
          )}
        </div>
      )}
    </li>
  );
}

const UNKNOWN = t("The browser does not say which key it is.");

/** A key in words, for sentences: "Ctrl+D", "G then R". */
function spoken(key: string): string {
  return key
    .split(" ")
    .map((each) =>
      each
        .split(/\+(?=.)/)
        .map((part) =>
          part === "mod" ? (MAC ? t("Cmd") : t("Ctrl")) : part.charAt(0).toUpperCase() + part.slice(1),
        )
        .join("+"),
    )
    .join(t(" then "));
}
