import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { CopyButton } from "./copy";
import { Masked, MaskedText, markOf } from "./masked";
import { Menu } from "./menu";

type Props = {
  value: unknown;
  /** How many levels are open at first. */
  open?: number;
  /** Shown before the root: a node's name. */
  name?: string;
  /** What templates call the value: paths that are copied begin with it. */
  root?: string;
  className?: string;
};

const PAGE = 100;

/** Any JSON as a tree that opens and closes; a field's name gives its path and its value. Strings are cut at 500 characters until
 * asked for. */
export function JsonView({ value, open = 2, name, root = "", className }: Props) {
  return (
    <div className={cn("group relative min-w-0 font-mono text-xs leading-6", className)}>
      <CopyButton
        text={() => JSON.stringify(value, null, 2)}
        label={t("Copy JSON")}
        className="absolute top-0 right-0 opacity-0 focus-visible:opacity-100 group-hover:opacity-100"
      />
      <Branch name={name ?? null} value={value} depth={0} open={open} path={root} place="" />
    </div>
  );
}

type BranchProps = {
  name: string | null;
  value: unknown;
  depth: number;
  open: number;
  path: string;
  /** Where it stands inside the whole value. */
  place: string;
};

function Branch({ name, value, depth, open, path, place }: BranchProps) {
  const [shown, setShown] = useState(depth < open);
  const [limit, setLimit] = useState(PAGE);
  const mark = markOf(value);
  if (typeof value !== "object" || value === null || mark) {
    return (
      <div className="flex min-w-0 gap-1.5" style={{ paddingLeft: depth * 14 + 24 }}>
        <Name name={name} path={path} value={value} />
        {mark ? <Masked mark={mark} path={place} /> : <Leaf value={value} place={place} />}
      </div>
    );
  }
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  const size = list
    ? t("{entries, plural, one {# item} other {# items}}", { entries: entries.length })
    : t("{entries, plural, one {# field} other {# fields}}", { entries: entries.length });
  return (
    <div>
      <div className="flex min-w-0 items-center gap-1.5" style={{ paddingLeft: depth * 14 }}>
        <button
          type="button"
          aria-expanded={shown}
          aria-label={`${name ?? t("Value")}: ${size}`}
          onClick={() => setShown(!shown)}
          className="-mr-1.5 grid size-6 shrink-0 place-items-center rounded-sm text-muted hover:bg-hover"
        >
          <ChevronRight aria-hidden className={cn("size-3.5 transition-transform", shown && "rotate-90")} />
        </button>
        <Name name={name} path={path} value={value} />
        <span className="text-muted">{list ? `[${entries.length}]` : `{${entries.length}}`}</span>
      </div>
      {shown &&
        entries
          .slice(0, limit)
          .map(([key, item]) => (
            <Branch
              key={key}
              name={key}
              value={item}
              depth={depth + 1}
              open={open}
              path={joined(path, key, list)}
              place={joined(place, key, list)}
            />
          ))}
      {shown && entries.length > limit && (
        <button
          type="button"
          className="ml-8 min-h-6 text-accent-text hover:underline"
          onClick={() => setLimit(limit + PAGE)}
        >
          {t("{entries, plural, one {# more item} other {# more items}}", {
            entries: entries.length - limit,
          })}
        </button>
      )}
    </div>
  );
}

/** A field's name. Pressed, it offers the path and the value. */
function Name({ name, path, value }: { name: string | null; path: string; value: unknown }) {
  if (name === null) return null;
  if (path === "") return <span className="shrink-0 text-ink">{name}:</span>;
  const copy = (what: string, text: string) => () =>
    void navigator.clipboard.writeText(text).then(
      () => toast.success(t("{what} copied", { what })),
      () => toast.error(t("The browser does not let this page write to the clipboard.")),
    );
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label={t("{name}: copy path or value", { name })}
          className="min-h-6 min-w-6 shrink-0 rounded-sm text-left text-ink hover:underline"
        >
          {name}:
        </button>
      }
      items={[
        { heading: path },
        { label: t("Copy path"), onSelect: copy(t("Path"), path) },
        {
          label: t("Copy value"),
          onSelect: copy(t("Value"), typeof value === "string" ? value : JSON.stringify(value, null, 2)),
        },
      ]}
    />
  );
}

function Leaf({ value, place }: { value: unknown; place: string }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== "string") {
    return (
      <span className={typeof value === "number" ? "text-st-running" : "text-st-waiting"}>
        {String(value)}
      </span>
    );
  }
  const long = value.length > 500 && !whole;
  return (
    <span className="min-w-0 whitespace-pre-wrap break-words text-st-done">
      "<MaskedText text={long ? value.slice(0, 500) : value} path={place} />"
      {long && (
        <button
          type="button"
          className="ml-1 text-accent-text hover:underline"
          onClick={() => setWhole(true)}
        >
          {t("… all {value} characters", { value: value.length })}
        </button>
      )}
    </span>
  );
}

/** The path of a field inside its parent, as our templates read it. */
export function joined(path: string, key: string, list: boolean): string {
  if (list) return `${path}[${key}]`;
  if (/^[A-Za-z_]\w*$/.test(key)) return path ? `${path}.${key}` : key;
  return `${path}[${JSON.stringify(key)}]`;
}
