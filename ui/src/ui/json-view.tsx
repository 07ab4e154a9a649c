import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { plural } from "@/lib/time";
import { CopyButton } from "./copy";

type Props = {
  value: unknown;
  /** How many levels are open at first. */
  open?: number;
  /** Shown before the root: a node's name. */
  name?: string;
  /** Given: a click on a path hands it over ("data.items[0].id"). */
  onPick?: (path: string) => void;
  className?: string;
};

const PAGE = 100;

/** Any JSON as a tree that opens and closes. Strings are cut at 500 characters until asked for. */
export function JsonView({ value, open = 2, name, onPick, className }: Props) {
  return (
    <div className={cn("group relative min-w-0 font-mono text-xs leading-5", className)}>
      <CopyButton
        text={() => JSON.stringify(value, null, 2)}
        label="Copy JSON"
        className="absolute top-0 right-0 opacity-0 focus-visible:opacity-100 group-hover:opacity-100"
      />
      <Branch name={name ?? null} value={value} depth={0} open={open} path="" onPick={onPick} />
    </div>
  );
}

type BranchProps = {
  name: string | null;
  value: unknown;
  depth: number;
  open: number;
  path: string;
  onPick?: (path: string) => void;
};

function Branch({ name, value, depth, open, path, onPick }: BranchProps) {
  const [shown, setShown] = useState(depth < open);
  const [limit, setLimit] = useState(PAGE);
  if (typeof value !== "object" || value === null) {
    return (
      <div className="flex min-w-0 gap-1.5" style={{ paddingLeft: depth * 14 + 16 }}>
        <Name name={name} path={path} onPick={onPick} />
        <Leaf value={value} />
      </div>
    );
  }
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  const size = list ? plural(entries.length, "item") : plural(entries.length, "field");
  return (
    <div>
      <div className="flex min-w-0 items-center gap-1.5" style={{ paddingLeft: depth * 14 }}>
        <button
          type="button"
          aria-expanded={shown}
          aria-label={`${name ?? "Value"}: ${size}`}
          onClick={() => setShown(!shown)}
          className="-mr-1.5 grid size-4 shrink-0 place-items-center rounded-sm text-muted hover:bg-hover"
        >
          <ChevronRight aria-hidden className={cn("size-3.5 transition-transform", shown && "rotate-90")} />
        </button>
        <Name name={name} path={path} onPick={onPick} />
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
              onPick={onPick}
            />
          ))}
      {shown && entries.length > limit && (
        <button
          type="button"
          className="ml-8 text-accent-text hover:underline"
          onClick={() => setLimit(limit + PAGE)}
        >
          {plural(entries.length - limit, "more item", "more items")}
        </button>
      )}
    </div>
  );
}

function Name({
  name,
  path,
  onPick,
}: {
  name: string | null;
  path: string;
  onPick?: (path: string) => void;
}) {
  if (name === null) return null;
  if (!onPick) return <span className="shrink-0 text-ink">{name}:</span>;
  return (
    <button
      type="button"
      title={`Use ${path}`}
      onClick={() => onPick(path)}
      className="shrink-0 text-accent-text hover:underline"
    >
      {name}:
    </button>
  );
}

function Leaf({ value }: { value: unknown }) {
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
      "{long ? value.slice(0, 500) : value}"
      {long && (
        <button
          type="button"
          className="ml-1 text-accent-text hover:underline"
          onClick={() => setWhole(true)}
        >
          … all {value.length} characters
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
